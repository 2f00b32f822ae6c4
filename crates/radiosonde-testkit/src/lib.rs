//! An OTLP receiver that counts what it gets, over HTTP and gRPC, with faults as a script.
#![forbid(unsafe_code)]
