//! The program: hands over to `cli`, and is the only place that exits.

fn main() {}
