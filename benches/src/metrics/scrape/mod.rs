pub(crate) mod subject;
