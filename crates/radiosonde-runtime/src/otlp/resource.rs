//! Who sends: the resource.

use radiosonde_otlp::Resource;

use crate::settings::Settings;

/// What OpenTelemetry calls the environment a service is deployed to.
const ENVIRONMENT: &str = "deployment.environment.name";

/// The resource of this process: its service, machine and environment, and what
/// `OTEL_RESOURCE_ATTRIBUTES` adds or says otherwise, without secrets.
pub(super) fn of(settings: &Settings, instance: &str) -> Resource {
    let mut resource = Resource::new(&settings.service, &settings.version, instance);
    if let Some(machine) = &settings.machine_id {
        resource = resource.with("machine_id", machine);
    }
    if let Some(environment) = &settings.environment {
        resource = resource.with(ENVIRONMENT, environment);
    }
    for (key, value) in &settings.attributes {
        // Settled already: OTEL_SERVICE_NAME stands above them.
        if matches!(key.as_str(), "service.name" | "service.version") {
            continue;
        }
        if settings.redact.rule_for_key(key).is_some() {
            resource = resource.with(key, "[redacted]");
            continue;
        }
        let redacted = settings.redact.redact(value, &mut |_| ());
        resource = resource.with(key, redacted.as_deref().unwrap_or(value));
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Service};
    use crate::problem::Problems;
    use crate::settings::Environment;

    #[test]
    fn the_environment_adds_to_the_resource_and_secrets_are_not_in_it() {
        let env = Environment::of(&[
            ("OTEL_SERVICE_NAME", "shop"),
            ("RADIOSONDE_MACHINE_ID", "m-1"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=x,deployment.environment.name=staging,team=blue,api_key=hunter2,\
                 proxy=http%3A//ada%3Ahunter2@h/",
            ),
        ]);
        let config = Config::new(Service::new("package", "1.2.0")).dir(".");
        let settings = Settings::resolve(&config, &env, &Problems::default());
        let resource = of(&settings, "k3f9q2xw");
        for (name, value) in [
            ("service.name", "shop"),
            ("service.version", "1.2.0"),
            ("service.instance.id", "k3f9q2xw"),
            ("machine_id", "m-1"),
            ("deployment.environment.name", "staging"),
            ("team", "blue"),
            ("api_key", "[redacted]"),
            ("proxy", "http://ada:[redacted]@h/"),
        ] {
            assert_eq!(resource.attribute(name), Some(value), "{name}");
        }
    }
}
