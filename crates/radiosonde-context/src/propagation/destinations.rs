//! Who may be told the baggage.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::RwLock;

use super::locks;

/// `None` until one is set: the default.
static OF_PROCESS: RwLock<Option<Destinations>> = RwLock::new(None);

/// Sets to which hosts [`inject_to`](super::inject_to) of this process gives baggage and ids.
/// `radiosonde::init!` sets what `RADIOSONDE_BAGGAGE_TO` says; the default is
/// [`Destinations::default`].
pub fn set_baggage_destinations(destinations: Destinations) {
    if let Some(mut of_process) = locks::write(&OF_PROCESS) {
        *of_process = Some(destinations);
    }
}

/// By the list of this process; nobody where that cannot be had.
pub(super) fn allows(host: &str) -> bool {
    locks::read(&OF_PROCESS).is_some_and(|of_process| match &*of_process {
        Some(destinations) => destinations.allows(host),
        None => is_among(&LOOPBACK, host),
    })
}

/// How far baggage goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Nobody,
    /// Nobody has said so far.
    Default,
    Everybody,
}

/// By the list of this process; to nobody where that cannot be had.
pub(super) fn reach() -> Reach {
    locks::read(&OF_PROCESS).map_or(Reach::Nobody, |of_process| match &*of_process {
        None => Reach::Default,
        Some(destinations) if !destinations.is_listed => Reach::Default,
        Some(destinations) if destinations.patterns.contains(&Pattern::All) => Reach::Everybody,
        // Somebody drew a line, of which nobody knows here on which side the receiver is.
        Some(_) => Reach::Nobody,
    })
}

/// Hosts, by name and by address. The default allows the loopback: `localhost`, names under it,
/// `127.0.0.0/8` and `::1`.
///
/// Two are equal that allow the same by the same entries.
#[derive(Clone, Debug)]
pub struct Destinations {
    patterns: Vec<Pattern>,
    /// Whether somebody has listed them: otherwise they are the default.
    is_listed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    All,
    /// The name itself.
    Name(Cow<'static, str>),
    /// Every name that ends with this, which begins with a dot.
    Under(Cow<'static, str>),
    /// Addresses that begin with these bits.
    Network {
        address: IpAddr,
        bits: u32,
    },
}

const LOOPBACK: [Pattern; 4] = [
    Pattern::Name(Cow::Borrowed("localhost")),
    Pattern::Under(Cow::Borrowed(".localhost")),
    Pattern::Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
    Pattern::Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), bits: 128 },
];

impl Destinations {
    /// Nobody.
    pub const NONE: Self = Self { patterns: Vec::new(), is_listed: true };

    /// The loopback, as a list that says `loopback`.
    pub fn loopback() -> Self {
        Self { is_listed: true, ..Self::default() }
    }

    /// Reads a list as `RADIOSONDE_BAGGAGE_TO` has it, with commas between its entries:
    /// `api.internal` is that host, `*.internal` every host whose name ends so, `10.0.0.0/8` and
    /// `fd00::/8` are networks, `10.1.2.3` an address, `loopback` is the default, `*` everybody and
    /// `none`, alone, nobody. The list takes the place of the default: list `loopback` to keep it.
    ///
    /// Names are not looked up: a network allows hosts that are called by their address.
    ///
    /// # Errors
    /// [`InvalidDestination`] for an entry that is none of these, and for `all`, `any`, `everybody`
    /// and `nobody`, which are taken for the name of a host too easily.
    pub fn parse(list: &str) -> Result<Self, InvalidDestination> {
        let entries: Vec<&str> =
            list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        if entries == ["none"] {
            return Ok(Self::NONE);
        }
        let mut patterns = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.eq_ignore_ascii_case("loopback") {
                patterns.extend(LOOPBACK);
                continue;
            }
            let pattern = Pattern::parse(entry).filter(|_| instead_of(entry).is_none());
            patterns.push(pattern.ok_or_else(|| InvalidDestination(entry.to_owned()))?);
        }
        Ok(Self { patterns, is_listed: true })
    }

    /// Whether a host may be told the baggage: a name or an address, with or without a port.
    pub fn allows(&self, host: &str) -> bool {
        is_among(&self.patterns, host)
    }
}

impl Default for Destinations {
    fn default() -> Self {
        Self { patterns: LOOPBACK.to_vec(), is_listed: false }
    }
}

impl PartialEq for Destinations {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

impl Eq for Destinations {}

impl Pattern {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (entry, None),
        };
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(address).parse::<IpAddr>() {
            let width = if address.is_ipv4() { 32 } else { 128 };
            let all_digits = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
            let bits = match bits {
                Some(bits) => Some(bits).filter(all_digits)?.parse().ok()?,
                None => width,
            };
            return (bits <= width).then_some(Self::Network { address, bits });
        }
        let name = entry.strip_prefix('*').unwrap_or(entry);
        let is_pattern = name.len() < entry.len();
        let fits = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let labels = name.strip_prefix('.').filter(|_| is_pattern).unwrap_or(name);
        // `*internal` would allow `evilinternal`, an empty label means a slip.
        if !fits || labels.split('.').any(str::is_empty) || is_pattern != name.starts_with('.') {
            return None;
        }
        let name = Cow::Owned(name.to_owned());
        Some(if is_pattern { Self::Under(name) } else { Self::Name(name) })
    }
}

/// An entry that is neither a name, a pattern, an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDestination(String);

impl InvalidDestination {
    /// The entry.
    pub fn entry(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = &self.0;
        match instead_of(entry) {
            Some(instead) => write!(f, "`{entry}` is no host: {instead}"),
            None => write!(
                f,
                "`{entry}` is no host: write api.internal, *.internal, 10.0.0.0/8, loopback, * or none"
            ),
        }
    }
}

impl std::error::Error for InvalidDestination {}

/// What to write for a word that is no keyword and hardly a host.
fn instead_of(entry: &str) -> Option<&'static str> {
    let is = |word: &&str| entry.eq_ignore_ascii_case(word);
    if ["all", "any", "everybody"].iter().any(is) {
        return Some("`*` is everybody");
    }
    is(&"nobody").then_some("`none`, alone, is nobody")
}

fn is_among(patterns: &[Pattern], host: &str) -> bool {
    let host = without_port(host);
    let name = host.strip_suffix('.').unwrap_or(host);
    let address = name.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    patterns.iter().any(|pattern| match pattern {
        Pattern::All => !name.is_empty(),
        Pattern::Name(allowed) => name.eq_ignore_ascii_case(allowed),
        Pattern::Under(suffix) => {
            let (name, suffix) = (name.as_bytes(), suffix.as_bytes());
            // At least one character stands before the suffix.
            address.is_none()
                && name.len() > suffix.len()
                && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
        }
        Pattern::Network { address: network, bits } => {
            address.is_some_and(|address| begins_alike(address, *network, *bits))
        }
    })
}

/// The host of `host:port`, `[address]:port`, or of the host alone.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    match host.split_once(':') {
        // An address of version 6 has more than one colon.
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// Whether two addresses of one family have the same first bits.
fn begins_alike(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let (one, other, width) = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    let (one, other): (u128, u128) = (one, other);
    (one ^ other).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_list_is_asked_until_another_is_set() {
        assert!(allows("localhost"));
        set_baggage_destinations(Destinations::NONE);
        assert!(!allows("localhost"));
        set_baggage_destinations(Destinations::default());
        assert!(allows("localhost"));

        crate::reseed_after_fork();
        let held = OF_PROCESS.write().unwrap();
        assert!(!allows("localhost"), "a forked child does not wait for a thread it has not");
        drop(held);
        assert!(allows("localhost"));
    }

    #[test]
    fn the_loopback_can_be_listed_by_its_name() {
        assert_eq!(Destinations::parse("loopback"), Ok(Destinations::default()));
        let both = Destinations::parse("Loopback, *.internal").unwrap();
        for host in ["localhost:80", "127.0.0.1", "[::1]:80", "api.internal"] {
            assert!(both.allows(host), "{host}");
        }
        assert!(!both.allows("loopback") && !both.allows("10.0.0.1"));
    }

    #[test]
    fn words_that_are_hardly_hosts_are_refused_with_what_to_write() {
        for word in ["all", "ANY", "everybody"] {
            let error = Destinations::parse(word).unwrap_err().to_string();
            assert_eq!(error, format!("`{word}` is no host: `*` is everybody"));
        }
        let error = Destinations::parse("nobody").unwrap_err().to_string();
        assert!(error.ends_with("`none`, alone, is nobody"), "{error}");
        assert!(Destinations::parse("all.internal").unwrap().allows("all.internal"));
    }
}
