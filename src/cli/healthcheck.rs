//! `healthcheck`: is the instance that runs on this file ready? A container asks every few seconds, so
//! nothing is loaded but the address to ask, and no runtime is started.

use super::load::environment;
use super::out::complain;
use super::{ConfigArg, FAILED};
use crate::config;
use crate::config::model::Endpoint;
use clap::Args;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long all of it may take: less than anybody's time limit for a health check.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than the head of the answer has.
const MOST: u64 = 4096;

#[derive(Args)]
pub(super) struct HealthcheckArgs {
    #[command(flatten)]
    config: ConfigArg,
}

/// Whatever is amiss ends in 1: containers know no other code for it.
pub(super) fn run(args: &HealthcheckArgs) -> Result<(), u8> {
    check(args).map_err(|why| {
        complain(&format!("{}\n", why.trim_end()));
        FAILED
    })
}

fn check(args: &HealthcheckArgs) -> Result<(), String> {
    let admin = config::admin(&args.config.config, &environment).map_err(|invalid| invalid.to_string())?;
    let admin = admin.ok_or("`admin` is off in this file: nobody can be asked whether it is ready")?;
    let status = ask(&admin).map_err(|error| format!("not ready: asked at {admin}: {error}"))?;
    match status.as_str() {
        "200" => Ok(()),
        "503" => Err("not ready: it says so itself".to_owned()),
        _ => Err(format!("not ready: whoever answers at {admin} is no pandium-sidecar")),
    }
}

/// The status of `/-/ready`.
fn ask(admin: &Endpoint) -> io::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    match admin {
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            converse(&stream, &stream, deadline, |left| stream.set_read_timeout(Some(left)))
        }
        Endpoint::Tcp { host, port } => {
            let stream = connect(&places(host, *port)?, deadline)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            converse(&stream, &stream, deadline, |left| stream.set_read_timeout(Some(left)))
        }
    }
}

/// Where whoever listens at a host and port is reached from beside it.
fn places(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if port == 0 {
        return Err(io::Error::other("the system chose its port, and nobody else knows it"));
    }
    let here = |ip: IpAddr| SocketAddr::new(ip, port);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(any)) if any.is_unspecified() => Ok(vec![here(Ipv4Addr::LOCALHOST.into())]),
        // `::` takes IPv4 as well, where the system has no IPv6.
        Ok(IpAddr::V6(any)) if any.is_unspecified() => {
            Ok(vec![here(Ipv6Addr::LOCALHOST.into()), here(Ipv4Addr::LOCALHOST.into())])
        }
        _ => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

fn connect(places: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "its host has no address");
    for place in places {
        match TcpStream::connect_timeout(place, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// What is left of the time; a timeout of zero would be none.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn converse(
    mut to: impl Write,
    from: impl Read,
    deadline: Instant,
    wait: impl Fn(Duration) -> io::Result<()>,
) -> io::Result<String> {
    to.write_all(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let (mut head, mut from) = (Vec::new(), from.take(MOST));
    while !head.contains(&b'\n') {
        wait(left(deadline)?)?;
        let mut piece = [0; 512];
        let read = from.read(&mut piece).map_err(in_words)?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let status = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    Ok(status.and_then(|status| status.get(..3)).unwrap_or_default().to_owned())
}

/// Reading in vain is "try again" to the system.
fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}
