//! Who may be told the baggage.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

static OF_PROCESS: LazyLock<RwLock<Arc<Destinations>>> = LazyLock::new(RwLock::default);

/// Sets to which hosts [`inject_to`](super::inject_to) of this process gives baggage and ids.
/// `radiosonde::init!` sets what `RADIOSONDE_BAGGAGE_TO` says; the default is
/// [`Destinations::default`].
pub fn set_baggage_destinations(destinations: Destinations) {
    let mut of_process = OF_PROCESS.write().unwrap_or_else(PoisonError::into_inner);
    *of_process = Arc::new(destinations);
}

pub(super) fn allows(host: &str) -> bool {
    of_process().allows(host)
}

/// The list of this process. Asked with every request: nothing is made anew.
fn of_process() -> Arc<Destinations> {
    Arc::clone(&OF_PROCESS.read().unwrap_or_else(PoisonError::into_inner))
}

/// Hosts, by name and by address. The default allows the loopback: `localhost`, names under it,
/// `127.0.0.0/8` and `::1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    All,
    /// The name itself.
    Name(String),
    /// Every name that ends with this, which begins with a dot.
    Under(String),
    /// Addresses that begin with these bits.
    Network {
        address: IpAddr,
        bits: u32,
    },
}

impl Destinations {
    /// Nobody.
    pub const NONE: Self = Self(Vec::new());

    /// Reads a list as `RADIOSONDE_BAGGAGE_TO` has it, with commas between its entries:
    /// `api.internal` is that host, `*.internal` every host whose name ends so, `10.0.0.0/8` and
    /// `fd00::/8` are networks, `10.1.2.3` an address, `*` is everybody and `none`, alone, nobody.
    /// It takes the place of the default: list `localhost` and `127.0.0.0/8` to keep them.
    ///
    /// Names are not looked up: a network allows hosts that are called by their address.
    ///
    /// # Errors
    /// [`InvalidDestination`] for an entry that is none of these.
    pub fn parse(list: &str) -> Result<Self, InvalidDestination> {
        let entries: Vec<&str> =
            list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        if entries == ["none"] {
            return Ok(Self::NONE);
        }
        let parsed = |entry: &&str| {
            Pattern::parse(entry).ok_or_else(|| InvalidDestination((*entry).to_owned()))
        };
        entries.iter().map(parsed).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a host may be told the baggage: a name or an address, with or without a port.
    pub fn allows(&self, host: &str) -> bool {
        let host = without_port(host);
        let name = host.strip_suffix('.').unwrap_or(host);
        let address = name.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.0.iter().any(|pattern| match pattern {
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
}

impl Default for Destinations {
    fn default() -> Self {
        let loopback = |address: IpAddr, bits| Pattern::Network { address, bits };
        Self(vec![
            Pattern::Name("localhost".to_owned()),
            Pattern::Under(".localhost".to_owned()),
            loopback(std::net::Ipv4Addr::new(127, 0, 0, 0).into(), 8),
            loopback(std::net::Ipv6Addr::LOCALHOST.into(), 128),
        ])
    }
}

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
        let name = name.to_owned();
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
        write!(f, "`{}` is no host: write api.internal, *.internal, 10.0.0.0/8, * or none", self.0)
    }
}

impl std::error::Error for InvalidDestination {}

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
        let default = of_process();
        assert_eq!(*default, Destinations::default());
        assert!(Arc::ptr_eq(&default, &of_process()));
        set_baggage_destinations(Destinations::NONE);
        assert!(!allows("localhost"));
        set_baggage_destinations(Destinations::default());
        assert!(allows("localhost"));
    }
}
