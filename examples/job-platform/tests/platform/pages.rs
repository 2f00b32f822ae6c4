//! The pages in `docs` and the README, held to the program and the command they tell of.
