//! Runs the routes of a plan, each as a task of its own: one that ends with an error, or panics, leaves the others running.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use dunlin_core::clock::Clock;
use dunlin_core::error::Class;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::fail_points::{FailPoints, NoFailPoints};
use crate::plan::{Plan, RoutePlan};
use crate::progress::{Progress, State};
use crate::retry::Backoff;
use crate::route::{EndReason, Ended, Migrations, Route, RouteError, Surroundings};
use crate::sessions::Sessions;
use crate::shutdown::{Asked, Shutdown};

/// The routes of a plan, ready to run.
#[derive(Debug)]
pub struct Runner {
    routes: Vec<RunnerRoute>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    fail_points: Arc<dyn FailPoints>,
}

#[derive(Debug)]
struct RunnerRoute {
    plan: Arc<RoutePlan>,
    progress: Arc<Progress>,
    migrations: Migrations,
}

/// How one route ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct RouteEnd {
    /// The route's name.
    pub route: String,
    /// How it ended.
    pub result: Result<Ended, RouteError>,
}

impl Runner {
    /// The routes of this plan, which take the time from this clock.
    pub fn new(plan: Plan, clock: Arc<dyn Clock>) -> Self {
        let sessions = Arc::new(Sessions::new(plan.systems.values()));
        let route = |plan: RoutePlan| {
            let progress = Arc::new(Progress::new(&plan.name));
            RunnerRoute {
                migrations: Migrations::of(&plan, &progress),
                plan: Arc::new(plan),
                progress,
            }
        };
        Self {
            routes: plan.routes.into_iter().map(route).collect(),
            sessions,
            clock,
            fail_points: Arc::new(NoFailPoints),
        }
    }

    /// The same with these fail points.
    #[must_use]
    pub fn with_fail_points(mut self, fail_points: Arc<dyn FailPoints>) -> Self {
        self.fail_points = fail_points;
        self
    }

    /// What each route has done so far, in the order of the plan. It can be looked at while they run, and afterwards.
    pub fn progress(&self) -> Vec<Arc<Progress>> {
        self.routes
            .iter()
            .map(|route| Arc::clone(&route.progress))
            .collect()
    }

    /// The migrations of each route, in the order of the plan, to be replaced while it runs.
    pub fn migrations(&self) -> Vec<Migrations> {
        self.routes.iter().map(|route| route.migrations.clone()).collect()
    }

    /// Runs all routes in the runtime of the caller until each has ended, and says how, in the order of the plan. Dropping the
    /// future is a crash: nothing in flight is settled.
    pub async fn run(self, shutdown: Shutdown) -> Vec<RouteEnd> {
        let Self {
            routes,
            sessions,
            clock,
            fail_points,
        } = self;
        let routes = routes.into_iter().enumerate().collect();
        let shard = Shard {
            routes,
            sessions,
            clock,
            fail_points,
        };
        in_order(shard.run(shutdown).await)
    }

    /// Runs all routes until each has ended, as [`Runner::run`] does, on at most so many threads: each has a runtime of its own
    /// and its share of the routes, with connections of their own.
    ///
    /// A runtime whose tasks never move costs the clients far less than one that moves them; what routes share is a system
    /// and nothing else, so nothing is gained by moving. Dropping the future does not end the threads; a request to abort does.
    pub async fn run_on_threads(self, threads: NonZeroUsize, shutdown: Shutdown) -> Vec<RouteEnd> {
        let shards = threads.get().min(self.routes.len()).max(1);
        let mut shared: Vec<Vec<(usize, RunnerRoute)>> = Vec::new();
        shared.resize_with(shards, Vec::new);
        let names: Vec<_> = self.routes.iter().map(|route| route.plan.name.clone()).collect();
        for (index, route) in self.routes.into_iter().enumerate() {
            shared[index % shards].push((index, route));
        }
        let mut ends = Vec::new();
        let mut running = Vec::new();
        for routes in shared {
            let indices: Vec<_> = routes.iter().map(|(index, _)| *index).collect();
            let shard = Shard {
                routes,
                sessions: Arc::new(self.sessions.unconnected()),
                clock: Arc::clone(&self.clock),
                fail_points: Arc::clone(&self.fail_points),
            };
            let (telling, told) = oneshot::channel();
            let shutdown = shutdown.clone();
            let started = std::thread::Builder::new()
                .name("routes".to_owned())
                .spawn(move || {
                    // Nobody is there to be told once the caller is gone.
                    drop(telling.send(shard.run_alone(shutdown)));
                });
            running.push((indices, started.map(|_| told)));
        }
        for (indices, started) in running {
            let found = match started {
                Ok(told) => told.await.unwrap_or(Err(RouteError::Panicked)),
                Err(error) => Err(RouteError::Thread(error)),
            };
            match found {
                Ok(found) => ends.extend(found),
                // One error for a thread of several routes: each has it, in words where it cannot be copied.
                Err(error) => ends.extend(indices.into_iter().map(|index| {
                    let route = names[index].clone();
                    let result = Err(match &error {
                        RouteError::Thread(cause) => RouteError::Thread(cause.kind().into()),
                        _ => RouteError::Panicked,
                    });
                    (index, RouteEnd { route, result })
                })),
            }
        }
        in_order(ends)
    }
}

fn in_order(mut ends: Vec<(usize, RouteEnd)>) -> Vec<RouteEnd> {
    ends.sort_by_key(|(index, _)| *index);
    ends.into_iter().map(|(_, end)| end).collect()
}

/// Routes that share a runtime and its connections.
struct Shard {
    routes: Vec<(usize, RunnerRoute)>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    fail_points: Arc<dyn FailPoints>,
}

impl Shard {
    /// In a runtime of this thread.
    fn run_alone(self, shutdown: Shutdown) -> Result<Vec<(usize, RouteEnd)>, RouteError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RouteError::Thread)?;
        let ends = runtime.block_on(self.run(shutdown));
        // A thread that waits for standard input is not waited for.
        runtime.shutdown_background();
        Ok(ends)
    }

    async fn run(self, shutdown: Shutdown) -> Vec<(usize, RouteEnd)> {
        let mut tasks = JoinSet::new();
        for (index, route) in self.routes {
            let RunnerRoute {
                plan,
                progress,
                migrations,
            } = route;
            let name = plan.name.clone();
            let around = Surroundings {
                clock: Arc::clone(&self.clock),
                fail_points: Arc::clone(&self.fail_points),
                progress: Arc::clone(&progress),
                shutdown: shutdown.clone(),
                migrations,
            };
            let sessions = Arc::clone(&self.sessions);
            tasks.spawn(async move {
                let run = AssertUnwindSafe(run_route(plan, sessions, around)).catch_unwind();
                let result = run.await.unwrap_or(Err(RouteError::Panicked));
                progress.stand(match &result {
                    Ok(_) => State::Ended,
                    Err(error) => State::Failed(error.to_string()),
                });
                (index, RouteEnd { route: name, result })
            });
        }
        let ends = tasks.join_all().await;
        if let Some(sessions) = Arc::into_inner(self.sessions)
            && shutdown.asked() != Asked::Abort
        {
            for (system, error) in sessions.close(&*self.clock).await {
                tracing::warn!(system, "the session was not closed as it should: {error}");
            }
        }
        ends
    }
}

/// Opens a route, again and again while a system is not there yet, and runs it.
async fn run_route(
    plan: Arc<RoutePlan>,
    sessions: Arc<Sessions>,
    mut around: Surroundings,
) -> Result<Ended, RouteError> {
    let mut backoff = Backoff::new(&plan.retry);
    loop {
        if around.shutdown.asked() != Asked::Nothing {
            return Ok(Ended::before_it_began(around.shutdown.asked()));
        }
        let open = Route::open(Arc::clone(&plan), &sessions, around.clone());
        let opened = tokio::select! {
            biased;
            asked = around.shutdown.changed() => return Ok(Ended::before_it_began(asked)),
            opened = open => opened,
        };
        let error = match opened {
            Ok(route) => return route.run().await,
            Err(error) => error,
        };
        if !error.is_temporary() {
            return Err(error);
        }
        around.progress.stand(State::Waiting(error.to_string()));
        let now = around.clock.now();
        let pause = around.clock.sleep(backoff.after(now) - now);
        tokio::select! {
            biased;
            asked = around.shutdown.changed() => return Ok(Ended::before_it_began(asked)),
            () = pause => {}
        }
    }
}

impl Ended {
    fn before_it_began(asked: Asked) -> Self {
        Self {
            reason: match asked {
                Asked::Nothing | Asked::Drain => EndReason::Stopped,
                Asked::Abort => EndReason::Aborted,
            },
            left: 0,
        }
    }
}

impl RouteError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Connect { error, .. } | Self::Unusable { error, .. } => error.class() == Class::Temporary,
            Self::Registry(error) => error.is_temporary(),
            _ => false,
        }
    }
}
