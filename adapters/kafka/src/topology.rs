//! Topics as the brokers keep them: their limits, and making one where that is asked for.

use std::future::Future;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use dunlin_core::messaging::{Declare, Endpoint, Purpose};
use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::client::{self, Listener};
use crate::config::Channel;
use crate::error::{classify, of_code};
use crate::session::KafkaSession;

/// The client by which topics are looked up and made.
pub(crate) struct Admin(AdminClient<Listener>);

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}

impl KafkaSession {
    fn admin(&self) -> Result<Arc<Admin>> {
        let mut place = self.admin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(admin) = &*place {
            return Ok(Arc::clone(admin));
        }
        let made = client::asking(&self.system.config)?
            .create_with_context(Listener::default())
            .map_err(|error| classify("topology", &error))?;
        Ok(Arc::clone(place.insert(Arc::new(Admin(made)))))
    }

    /// Has the next questions asked by new clients: where one connection was lost, those of the others may be dead, too, and
    /// a new one reads its password again.
    pub(crate) fn renew(&self) {
        let asker = self.asker.forget();
        let admin = self.admin.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Their threads are waited for where nobody is held up by it.
        tokio::task::spawn_blocking(move || drop((asker, admin)));
    }

    /// Waits for the brokers no longer than for any other question: with a wrong password they would never answer.
    async fn within<T>(
        &self,
        operation: &'static str,
        answer: impl Future<Output = rdkafka::error::KafkaResult<T>>,
    ) -> Result<T> {
        let limit = self.system.config.connect_timeout;
        tokio::select! {
            answer = answer => answer.map_err(|error| classify(operation, &error)),
            () = self.system.clock.sleep(limit) => Err(Error::new(
                ErrorKind::Timeout,
                operation,
                "no broker answered in time; look at `url` and `connect_timeout_ms`",
            )),
        }
    }

    fn options(&self) -> AdminOptions {
        let limit = self.system.config.connect_timeout;
        AdminOptions::new()
            .request_timeout(Some(limit))
            .operation_timeout(Some(limit))
    }

    /// The largest batch that a topic takes, if its settings may be read.
    pub(crate) async fn topic_limit(&self, topic: &str) -> Option<usize> {
        let admin = self.admin().ok()?;
        let options = self.options();
        let resource = ResourceSpecifier::Topic(topic);
        let asked = admin.0.describe_configs([&resource], &options);
        match self.within("verify", asked).await {
            Ok(resources) => {
                let resource = resources.into_iter().next()?.ok()?;
                resource.get("max.message.bytes")?.value.as_ref()?.parse().ok()
            }
            Err(error) => {
                self.renew();
                tracing::debug!(%error, topic, "the topic's settings could not be read; its size limit is not known");
                None
            }
        }
    }
}

#[async_trait]
impl Declare for KafkaSession {
    async fn declare(&self, endpoint: &Endpoint, _purpose: Purpose) -> Result<Vec<String>> {
        let end = self.system.config.end(endpoint)?;
        if !end.creates {
            return Ok(Vec::new());
        }
        let Channel::Topic(name) = &end.channel else {
            return Err(Error::invalid(
                "expected a topic to make, found a pattern; leave out `topology: create`",
            ));
        };
        let asked = name.clone();
        let there = self
            .blocking("topology", move |session| {
                session.asker.partitions("topology", &asked)
            })
            .await;
        match there {
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::ChannelMissing => {}
            Err(error) => return Err(error),
        }
        let new = NewTopic::new(name, end.partitions, TopicReplication::Fixed(end.replication));
        let options = self.options();
        let admin = self.admin()?;
        let made = self
            .within("topology", admin.0.create_topics([&new], &options))
            .await
            .inspect_err(|_| self.renew())?;
        for result in made {
            match result {
                Ok(_) => {}
                // Two routes that begin at the same moment both find it missing.
                Err((_, Code::TopicAlreadyExists)) => return Ok(Vec::new()),
                Err((_, Code::InvalidReplicationFactor)) => {
                    return Err(
                        Error::invalid("there are fewer brokers than `replication` asks for")
                            .with("topic", name),
                    );
                }
                Err((_, code)) => return Err(of_code("topology", code).with("topic", name)),
            }
        }
        self.await_topic(name).await?;
        let replicas = match end.replication {
            -1 => "the brokers' default number of".to_owned(),
            number => number.to_string(),
        };
        Ok(vec![format!(
            "made the topic `{name}` with {} partitions and {replicas} replicas",
            end.partitions
        )])
    }
}

impl KafkaSession {
    /// A topic is there for its maker before all brokers know it.
    async fn await_topic(&self, name: &str) -> Result<()> {
        let clock = &self.system.clock;
        let limit = clock.sleep(self.system.config.connect_timeout);
        tokio::pin!(limit);
        loop {
            let asked = name.to_owned();
            let found = self
                .blocking("topology", move |session| {
                    session.asker.partitions("topology", &asked)
                })
                .await;
            match found {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ChannelMissing => {}
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = clock.sleep(std::time::Duration::from_millis(50)) => {}
                () = &mut limit => return Err(Error::new(
                    ErrorKind::Timeout,
                    "topology",
                    "the topic was made, and no broker tells of it yet",
                )
                .with("topic", name)),
            }
        }
    }
}
