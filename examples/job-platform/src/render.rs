//! The renderer: does one job in a process of its own, in the trace and the job of whoever started it.

use std::time::Duration;

use radiosonde::Context;

use crate::fault::Fault;
use crate::job::Kind;
use crate::{Error, told};

/// How long the storage takes when it is well, when it is slow for everybody, and for one job.
const STORAGE: Duration = Duration::from_millis(15);
const FAULTY_STORAGE: Duration = Duration::from_millis(400);
const SLOW_STORAGE: Duration = Duration::from_millis(1_500);
/// Frames of a scene, and how long each takes.
const FRAMES: u32 = 3;
const FRAME: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What goes wrong
    #[arg(long)]
    kind: Kind,
    /// The scene
    #[arg(long)]
    scene: String,
    /// Which attempt of the job this is
    #[arg(long)]
    attempt: u32,
}

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    // What the worker put into the environment.
    let sent = Context::from_env();
    let rendered = async {
        tokio::select! {
            done = render(&options) => done,
            () = told::end_of_input() => {
                tracing::warn!("the worker has gone, or has had enough: the scene is left");
                Err("given up".into())
            }
        }
    };
    sent.wrap(rendered).await
}

#[tracing::instrument(skip_all, fields(scene = options.scene, attempt = options.attempt), err)]
async fn render(options: &Options) -> Result<(), Error> {
    load_scene(options.kind).await;
    let is_first = options.attempt == 1;
    match options.kind {
        Kind::Flaky if is_first => return Err("out of texture memory".into()),
        Kind::Broken => return Err("the scene has no camera".into()),
        Kind::Stall if is_first => wait_for_lock().await,
        Kind::Hang => wait_for_lock().await,
        _ => {}
    }
    for frame in 1..=FRAMES {
        draw(frame).await;
    }
    radiosonde::event!("scene.rendered", frames = FRAMES, "rendered");
    Ok(())
}

/// Asks the storage, a service of somebody else's that is only pretended here.
#[tracing::instrument(skip_all, fields(otel.name = "GET /scenes/{id}", otel.kind = "client", server.address = "storage.internal"))]
async fn load_scene(kind: Kind) {
    let takes = match kind {
        Kind::Slow => SLOW_STORAGE,
        _ if Fault::SlowStorage.is_planted() => FAULTY_STORAGE,
        _ => STORAGE,
    };
    tokio::time::sleep(takes).await;
}

/// Waits for something that does not come.
#[tracing::instrument]
async fn wait_for_lock() {
    std::future::pending().await
}

#[tracing::instrument(level = "debug")]
async fn draw(frame: u32) {
    tokio::time::sleep(FRAME).await;
}
