//! `/metrics`, `/health` and `/report`, when asked for and built in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use radiosonde_events::recover;
use radiosonde_record::Slot;

use crate::park::Parker;
use crate::problem::Problems;
use crate::settings::Settings;
use crate::telemetry::Telemetry;

/// A listener that is bound and not yet served; or none.
#[derive(Debug, Default)]
pub(crate) struct Bound(Option<imp::Bound>);

/// Where Prometheus finds the address, and as whose.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "prometheus"), allow(dead_code, reason = "nobody listens"))]
pub(crate) struct Place<'a> {
    /// The telemetry directory.
    pub(crate) root: &'a Path,
    /// Our slot in it.
    pub(crate) slot: &'a Slot,
    /// Our instance id.
    pub(crate) instance: &'a str,
}

/// Binds, so that a problem is known when `init!` returns.
pub(crate) fn bind(settings: &Settings, place: Option<Place<'_>>, problems: &Problems) -> Bound {
    let address = settings.prometheus.as_deref();
    if let Some(place) = place {
        // Of somebody who had our slot and was killed.
        recover::remove_targets(place.root, place.slot);
    }
    Bound(address.and_then(|address| imp::bind(address, settings, place, problems)))
}

impl Place<'_> {
    #[cfg_attr(not(feature = "prometheus"), allow(dead_code, reason = "nobody listens"))]
    fn targets_file(&self) -> PathBuf {
        recover::targets_file(self.root, self.slot.number())
    }
}

/// Scrapes that were answered with an error, of the listener and of services elsewhere.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "prometheus"), allow(dead_code, reason = "nothing is scraped"))]
pub(crate) struct Refused {
    count: Arc<AtomicU64>,
    /// Whether a metric shows it.
    shown: Arc<AtomicBool>,
}

/// The metrics for a server of the application.
#[cfg(feature = "prometheus")]
pub(crate) fn service(telemetry: &Telemetry) -> radiosonde_prometheus::MetricsService {
    radiosonde_prometheus::MetricsService::new(imp::Pages::new(telemetry))
}

impl Bound {
    /// Where it listens.
    pub(crate) fn address(&self) -> Option<String> {
        self.0.as_ref().map(imp::Bound::address)
    }

    /// The file that tells Prometheus where: to be removed when the listener ends.
    pub(crate) fn targets_file(&self) -> Option<PathBuf> {
        self.0.as_ref().and_then(imp::Bound::targets_file)
    }

    /// Serves during the waits of the thread.
    pub(crate) fn serve(self, telemetry: &Telemetry, parker: &Parker) {
        if let Some(bound) = self.0 {
            bound.serve(telemetry, parker);
        }
    }
}

#[cfg(not(feature = "prometheus"))]
mod imp {
    use super::{Parker, PathBuf, Place, Problems, Settings, Telemetry};

    #[derive(Debug)]
    pub(super) enum Bound {}

    pub(super) fn bind(
        address: &str,
        _settings: &Settings,
        _place: Option<Place<'_>>,
        problems: &Problems,
    ) -> Option<Bound> {
        problems.say(
            format!("a listener on {address} is asked for, and this program has none built in"),
            "build radiosonde with the feature `prometheus`",
        );
        None
    }

    impl Bound {
        pub(super) fn address(&self) -> String {
            match *self {}
        }

        pub(super) fn targets_file(&self) -> Option<PathBuf> {
            match *self {}
        }

        pub(super) fn serve(self, _telemetry: &Telemetry, _parker: &Parker) {
            match self {}
        }
    }
}

#[cfg(feature = "prometheus")]
mod imp {
    use std::fs;
    use std::io::{self, Write as _};
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::sync::atomic::Ordering;

    use radiosonde_metrics::{Exposition, Scrape};
    use radiosonde_prometheus::{
        BindError, Endpoints, Health, PagesService, Source, Trouble, targets_json,
    };

    use super::{Parker, Path, PathBuf, Place, Problems, Refused, Settings, Telemetry};

    #[derive(Debug)]
    pub(super) struct Bound {
        bound: radiosonde_prometheus::Bound,
        targets: Option<PathBuf>,
    }

    pub(super) fn bind(
        address: &str,
        settings: &Settings,
        place: Option<Place<'_>>,
        problems: &Problems,
    ) -> Option<Bound> {
        let bound = match radiosonde_prometheus::bind(address) {
            Ok(bound) => bound,
            Err(error) => {
                problems.say(
                    format!("no listener for /metrics: {}", with_source(&error)),
                    "set the address to host:port with a host of this machine and a free port",
                );
                return None;
            }
        };
        if let Some(wanted) = bound.moved_from {
            problems.say(
                format!("port {} is taken; /metrics is on {}", wanted.port(), bound.addr),
                "scrape the address in the telemetry directory's prometheus-targets.json (file_sd), \
                 which only this program's user can read, or free the port; where several programs \
                 share the setting, give them port 0, which is any free one",
            );
        }
        let published = place.and_then(|place| {
            let targets = place.targets_file();
            let published = publish(&targets, &bound, settings, place.instance);
            if let Err(error) = &published {
                problems.say(
                    format!("{} could not be written: {error}", targets.display()),
                    "point Prometheus to the address by hand",
                );
            }
            published.is_ok().then_some(targets)
        });
        Some(Bound { bound, targets: published })
    }

    /// Whole or not at all: Prometheus reads the file whenever it changes.
    fn publish(
        targets: &Path,
        bound: &radiosonde_prometheus::Bound,
        settings: &Settings,
        instance: &str,
    ) -> io::Result<()> {
        let pid = std::process::id().to_string();
        let mut labels = vec![("service", &*settings.service)];
        labels.extend(settings.machine_id.as_deref().map(|machine| ("machine_id", machine)));
        // Another at each start: to be asked for, and no label of a series.
        labels.extend([("__meta_radiosonde_instance", instance), ("__meta_radiosonde_pid", &pid)]);
        let temporary = targets.with_extension(format!("{pid}.tmp"));
        // One left by a killed process with our number would be in the way.
        let _ = fs::remove_file(&temporary);
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&temporary)?;
        let text = targets_json(bound.addr, &labels);
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, targets)
    }

    fn with_source(error: &BindError) -> String {
        use std::error::Error as _;
        match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    impl Bound {
        pub(super) fn address(&self) -> String {
            self.bound.addr.to_string()
        }

        pub(super) fn targets_file(&self) -> Option<PathBuf> {
            self.targets.clone()
        }

        pub(super) fn serve(self, telemetry: &Telemetry, parker: &Parker) {
            let pages = PagesService::new(Pages::new(telemetry));
            let problems = telemetry.problems().clone();
            parker.spawn(async move {
                // The thread's end is the listener's: there is no other order to stop.
                let never = std::future::pending();
                let served = radiosonde_prometheus::serve(self.bound.listener, pages, never);
                if let Err(error) = served.await {
                    problems.say(format!("the listener ended: {error}"), "restart the program");
                }
            });
        }
    }

    /// What the listener serves.
    pub(super) struct Pages {
        telemetry: Telemetry,
        refused: Refused,
    }

    impl Pages {
        pub(super) fn new(telemetry: &Telemetry) -> Self {
            let refused = telemetry.refused_scrapes().clone();
            if !refused.shown.swap(true, Ordering::Relaxed) {
                let count = refused.count.clone();
                telemetry.metrics().add_collector(Box::new(move |snapshot| {
                    let count = count.load(Ordering::Relaxed);
                    snapshot.counter("radiosonde_scrapes_refused_total", &[], count);
                }));
            }
            Self { telemetry: telemetry.clone(), refused }
        }
    }

    impl Source for Pages {
        fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
            self.telemetry.metrics().expose(scrape, to);
        }

        fn scraped(&self) {
            self.telemetry.metrics().scraped();
        }

        fn trouble(&self, trouble: &Trouble) {
            let refused = u64::from(trouble.refused());
            let _ = self.refused.count.fetch_add(refused, Ordering::Relaxed);
            self.telemetry.problems().say(trouble.to_string(), trouble.fix());
        }
    }

    impl Endpoints for Pages {
        fn health(&self) -> Health {
            drop(self.telemetry.update_limits());
            let problems = self.telemetry.problems().all();
            let ok = self.telemetry.directory().is_some();
            let mut text = if ok { "ok\n" } else { "no telemetry directory\n" }.to_owned();
            for problem in problems {
                text.push_str(&format!("problem: {problem}\n"));
            }
            Health { ok, text }
        }

        fn report_text(&self) -> String {
            format!("{}\n", self.telemetry.report())
        }

        fn report_json(&self) -> String {
            self.telemetry.report().to_json()
        }
    }
}

#[cfg(all(test, feature = "prometheus"))]
mod tests {
    use std::time::Duration;

    use radiosonde_metrics::Value;
    use radiosonde_prometheus::{Source as _, Trouble};

    use super::Telemetry;
    use super::imp::Pages;
    use crate::{Config, Service};

    #[test]
    fn a_refused_scrape_is_counted_wherever_it_was_and_told_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let config = Config::new(Service::new("scraped", "1.0.0")).dir(directory.path());
        let (telemetry, _) = Telemetry::start(&config);
        let before = telemetry.problems().all().len();
        let (listener, service) = (Pages::new(&telemetry), Pages::new(&telemetry));
        listener.trouble(&Trouble::TooLarge { limit: 9 });
        service.trouble(&Trouble::TooLarge { limit: 9 });
        service.trouble(&Trouble::LeftOut { family: "falls_total".to_owned(), count: 1 });
        let snapshot = telemetry.metrics().snapshot();
        let family = snapshot.family("radiosonde_scrapes_refused_total").expect("the family");
        let values: Vec<_> = family.series.iter().map(|series| &series.value).collect();
        assert_eq!(values, [&Value::Counter(2)]);
        let problems = telemetry.problems().all();
        let told: Vec<_> = problems.iter().skip(before).map(|problem| &*problem.what).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].ends_with("the metrics are more than 9 bytes of text"), "{told:?}");
        assert!(told[1].contains("`falls_total`"), "{told:?}");
        drop(telemetry.shutdown(Duration::from_secs(20)));
    }
}
