//! What a request of HTTP/1.1 is in HTTP/2: the tables of tests are written in HTTP/1.1's words.

pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A request in HTTP/1.1's words, as HTTP/2 has it.
pub struct Request {
    pub fields: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

fn split<'b>(bytes: &'b [u8], mark: &[u8]) -> (&'b [u8], &'b [u8]) {
    match bytes.windows(mark.len()).position(|part| part == mark) {
        Some(at) => (&bytes[..at], &bytes[at + mark.len()..]),
        None => (bytes, &[]),
    }
}

/// Field lines; names in HTTP/2 are lower-case.
fn lines(mut text: &[u8]) -> Fields {
    let mut fields = Vec::new();
    while !text.is_empty() {
        let (line, rest) = split(text, b"\r\n");
        let (name, value) = split(line, b":");
        if !name.is_empty() {
            fields.push((name.to_ascii_lowercase(), value.trim_ascii().to_vec()));
        }
        text = rest;
    }
    fields
}

impl Request {
    pub fn parse(bytes: &[u8]) -> Self {
        let (line, rest) = split(bytes, b"\r\n");
        let (text, body) =
            if rest.starts_with(b"\r\n") { (&[][..], &rest[2..]) } else { split(rest, b"\r\n\r\n") };
        let (method, rest) = split(line, b" ");
        let end = rest.len() - rest.iter().rev().position(|&byte| byte == b' ').unwrap() - 1;
        let mut lines = lines(text);
        let chunked = lines.iter().any(|(name, _)| name == b"transfer-encoding");
        lines.retain(|(name, _)| name != b"transfer-encoding");
        let (scheme, authority, path) = target(&rest[..end], &mut lines);
        let mut fields = vec![(b":method".to_vec(), method.to_vec()), (b":scheme".to_vec(), scheme)];
        fields.extend(authority.map(|authority| (b":authority".to_vec(), authority)));
        fields.push((b":path".to_vec(), path));
        fields.extend(lines);
        let (body, trailers) = if chunked { unchunk(body) } else { (body.to_vec(), Vec::new()) };
        Self { fields, body, trailers }
    }
}

/// Scheme, authority and path. One plain `Host` is the authority; others stay as they are.
fn target(target: &[u8], lines: &mut Fields) -> (Vec<u8>, Option<Vec<u8>>, Vec<u8>) {
    if !target.starts_with(b"/")
        && let (scheme, rest) = split(target, b"://")
        && !rest.is_empty()
    {
        let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        return (scheme.to_vec(), Some(rest[..slash].to_vec()), rest[slash..].to_vec());
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(byte);
    let hosts: Vec<_> =
        lines.iter().filter(|(name, _)| name == b"host").map(|(_, host)| host.clone()).collect();
    let authority = match &hosts[..] {
        [host] if !host.is_empty() && host.iter().all(plain) && is_authority(host) => Some(host.clone()),
        _ => None,
    };
    if authority.is_some() {
        lines.retain(|(name, _)| name != b"host");
    }
    (b"http".to_vec(), authority, target.to_vec())
}

/// Whether the library takes it for one at all.
fn is_authority(host: &[u8]) -> bool {
    http::uri::Authority::try_from(host).is_ok()
}

fn unchunk(mut body: &[u8]) -> (Vec<u8>, Fields) {
    let mut whole = Vec::new();
    loop {
        let (line, rest) = split(body, b"\r\n");
        let size = usize::from_str_radix(std::str::from_utf8(line).unwrap().trim(), 16).unwrap();
        if size == 0 {
            return (whole, lines(rest));
        }
        whole.extend(&rest[..size]);
        body = &rest[size + 2..];
    }
}
