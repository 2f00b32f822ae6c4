//! Whether the destinations of OTLP answer.
