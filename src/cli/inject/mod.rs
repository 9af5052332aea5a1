//! `inject`: manifests go in, and come out with the sidecar beside every pod that asks for it.
//!
//! Injecting is taking out what was injected before, and then injecting anew: so twice is once, and
//! what the annotations say today is what comes out. Text that nothing is put into stays as it is, to
//! the byte; see `layout`. Of what is no YAML nothing can be known: then nothing comes out at all.

mod budget;
mod change;
mod documents;
mod emit;
mod layout;
mod object;
mod pod;
mod service;
mod sidecar;
mod status;
mod undo;
mod wish;

use super::out::{complain, say};
use super::{FAILED, INVALID};
use crate::config::error::Problem;
use change::Change;
use clap::Args;
use documents::Manifests;
use object::Object;
use pod::Plan;
use service::Backend;
use status::Status;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use wish::{STATUS, Wish};

#[derive(Args)]
pub(super) struct InjectArgs {
    /// The manifests, in YAML or JSON; `-` for standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Take out what was injected
    #[arg(long)]
    uninject: bool,
}

pub(super) fn run(args: &InjectArgs) -> Result<(), u8> {
    let file =
        if args.file == Path::new("-") { "standard input".into() } else { args.file.to_string_lossy() };
    let text = read(&args.file).map_err(|error| {
        complain(&format!("{file}: cannot be read: {error}\n"));
        FAILED
    })?;
    let bare = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let done = rewrite(&file, bare, args.uninject).map_err(|problems| {
        complain(&problems);
        INVALID
    })?;
    for note in &done.notes {
        complain(&format!("{file}: {note}\n"));
    }
    say(if bare.len() < text.len() { "\u{FEFF}" } else { "" });
    say(&done.text);
    Ok(())
}

fn read(file: &Path) -> std::io::Result<String> {
    if file != Path::new("-") {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

/// A file as it comes out, and what there is to say of it.
struct Done {
    text: String,
    notes: Vec<String>,
}

fn rewrite(file: &str, text: &str, uninject: bool) -> Result<Done, String> {
    let bare = pass(file, text, undo_all)?;
    if uninject {
        return Ok(bare);
    }
    pass(file, &bare.text, inject_all)
}

/// What is found out about a file: changes by document, notes, and problems in the places of the file.
#[derive(Default)]
struct Findings {
    changes: Vec<(usize, Vec<Change>)>,
    notes: Vec<String>,
    problems: Vec<Problem>,
}

fn pass(file: &str, text: &str, plan: impl FnOnce(&Manifests<'_>, &mut Findings)) -> Result<Done, String> {
    let manifests = Manifests::read(file, text);
    let mut found = Findings::default();
    for document in &manifests.documents {
        if document.is_needed_and_unread() {
            found.problems.extend(document.problems.iter().cloned());
        } else if let Some(problem) = document.problems.first().filter(|_| document.is_unread()) {
            found
                .notes
                .push(format!("line {}: left as it is, unread: {}", problem.place.line, problem.message));
        }
    }
    plan(&manifests, &mut found);
    let mut replaced = Vec::new();
    for (index, document) in manifests.documents.iter().enumerate() {
        let changes =
            found.changes.iter().filter(|(at, _)| *at == index).flat_map(|(_, changes)| changes.clone());
        let changes: Vec<_> = changes.collect();
        let Some(root) = document.tree.as_ref().filter(|_| !changes.is_empty()) else { continue };
        found.problems.extend(document.problems.iter().cloned());
        match layout::rewrite(&document.source, root, &changes) {
            Some(text) => replaced.push((index, text)),
            None => found.problems.push(Problem::error(document.place(root.place), "", LAID_OUT)),
        }
    }
    if !found.problems.is_empty() {
        return Err(manifests.render(&found.problems));
    }
    Ok(Done { text: manifests.with(&replaced), notes: found.notes })
}

const LAID_OUT: &str = "this document is laid out in a way in which it cannot be changed safely; \
                        write it as `kubectl` prints it, without aliases";

impl Findings {
    /// Takes the problems of a document over, or what it is to become.
    fn take(&mut self, manifests: &Manifests<'_>, document: usize, problem: Problem) {
        let place = manifests.documents.get(document).map_or(problem.place, |it| it.place(problem.place));
        self.problems.push(Problem { place, ..problem });
    }

    /// What an object's annotations say.
    fn wish<'m>(&mut self, manifests: &Manifests<'_>, object: &Object<'m>) -> Wish<'m> {
        let mut problems = Vec::new();
        let wish = Wish::read(object, &mut problems);
        for problem in problems {
            self.take(manifests, object.document, problem);
        }
        wish
    }
}

fn undo_all(manifests: &Manifests<'_>, found: &mut Findings) {
    for object in Object::all(manifests) {
        let wish = found.wish(manifests, &object);
        let Some((text, home)) = &wish.status else { continue };
        let Some(root) = manifests.documents.get(object.document).and_then(|it| it.tree.as_ref()) else {
            continue;
        };
        if let Some(status) = Status::parse(text) {
            found.changes.push((object.document, undo::plan(&object, &status, home, root)));
            found.notes.push(format!("{}: taken out", object.title()));
        } else {
            let place = object.below(home).and_then(|map| map.entry(STATUS)).map(|entry| entry.place);
            let message = "`inject` has not written this; take out by hand what was injected, and this line";
            found.take(
                manifests,
                object.document,
                Problem::error(place.unwrap_or_default(), STATUS, message),
            );
        }
    }
}

fn inject_all(manifests: &Manifests<'_>, found: &mut Findings) {
    let objects = Object::all(manifests);
    let mut backends = Vec::new();
    for object in &objects {
        let wish = found.wish(manifests, object);
        if wish.inject == Some(true) && !object.is_service() {
            match inject_one(manifests, &objects, object, &wish) {
                Ok((changes, note)) => {
                    backends.extend(object.template().map(|template| Backend {
                        namespace: object.namespace,
                        template,
                        upstream_port: wish.upstream_port,
                    }));
                    found.changes.push((object.document, changes));
                    found.notes.push(format!("{}: {note}", object.title()));
                }
                Err((document, problem)) => found.take(manifests, document, problem),
            }
        }
    }
    for service in objects.iter().filter(|object| object.is_service()) {
        let wish = Wish::read(service, &mut Vec::new());
        let Some(root) = manifests.documents.get(service.document).and_then(|it| it.tree.as_ref()) else {
            continue;
        };
        match service::plan(service, &wish, &backends, root) {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => {
                found.changes.push((service.document, changes));
                found.notes.push(format!("{}: leads to the sidecar", service.title()));
            }
            Err(problem) => found.take(manifests, service.document, problem),
        }
    }
    if found.notes.is_empty() && found.problems.is_empty() {
        found.notes.push("nothing here asks for it by pandium-sidecar.io/inject: enabled".to_owned());
    }
}

fn inject_one(
    manifests: &Manifests<'_>,
    objects: &[Object<'_>],
    object: &Object<'_>,
    wish: &Wish<'_>,
) -> Result<(Vec<Change>, &'static str), (usize, Problem)> {
    let here = |problem| (object.document, problem);
    let place = wish.home.as_ref().map(|(_, place)| *place).unwrap_or_default();
    if object.pod().is_none() {
        let message = format!("a {} cannot be injected; {} can", object.kind, object::known_kinds());
        return Err(here(Problem::error(place, "", message)));
    }
    let Some(root) = manifests.documents.get(object.document).and_then(|it| it.tree.as_ref()) else {
        return Ok((Vec::new(), "left as it is"));
    };
    let budget = budget::read(objects, sidecar::config(wish), object.namespace)?;
    match pod::plan(object, wish, &budget, root).map_err(here)? {
        Plan::Change(changes) => Ok((changes, "injected")),
        Plan::HasOne => Ok((Vec::new(), "has a container pandium-sidecar of its own: left as it is")),
    }
}
