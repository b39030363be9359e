//! Places of groups: where a new one begins, and what was deleted before an old one read it.
//!
//! All of it asks the brokers and blocks, with a limit.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_core::messaging::{Event, Start};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::error::{classify, code};
use crate::lane::{Partition, log_name};
use crate::rebalance::Shared;

/// How long a question about places may hold up the thread that polls.
const SHORT: Duration = Duration::from_secs(3);

/// Gives a group its place in those of these partitions in which it has none, unless it begins at their start anyway.
///
/// The places are committed before the group is joined: they hold although nothing is read until the next restart, and a
/// partition that is added later is read from its start. Members that are there already have chosen theirs, and are left alone.
pub(crate) fn begin<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    start: &Start,
    cluster: &str,
    limit: Duration,
) -> Result<()> {
    if *start == Start::Earliest || partitions.is_empty() {
        return Ok(());
    }
    let failed = |error: KafkaError| classify("receiver", &error);
    let known = committed(consumer, partitions, limit).map_err(failed)?;
    let new: Vec<Partition> = known
        .elements()
        .iter()
        .filter(|element| !matches!(element.offset(), Offset::Offset(_)))
        .map(|element| Partition {
            topic: element.topic().into(),
            number: element.partition(),
        })
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let places = match start {
        Start::Earliest => return Ok(()),
        Start::Latest => consumer
            .offsets_for_times(list(&new, Offset::End)?, limit)
            .map_err(failed)?,
        Start::Time(time) => of_time(consumer, &new, *time, limit)?,
        Start::Position(position) => of_position(&new, position, cluster)?,
    };
    match consumer.commit(&places, CommitMode::Sync) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                code(&error),
                Some(Code::UnknownMemberId | Code::RebalanceInProgress | Code::IllegalGeneration)
            ) =>
        {
            tracing::info!("the group has members already; it begins where they do");
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// The places of a group, in the order of these partitions. A coordinator that is just taking over is waited for.
pub(crate) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    limit: Duration,
) -> KafkaResult<TopicPartitionList> {
    let end = Instant::now() + limit;
    loop {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition_offset(&partition.topic, partition.number, Offset::Invalid)?;
        }
        let left = end.saturating_duration_since(Instant::now());
        match consumer.committed_offsets(list, left) {
            Err(error)
                if !left.is_zero()
                    && matches!(
                        code(&error),
                        Some(
                            Code::NotCoordinator
                                | Code::CoordinatorNotAvailable
                                | Code::CoordinatorLoadInProgress
                        )
                    ) =>
            {
                std::thread::sleep(Duration::from_millis(100));
            }
            answer => return answer,
        }
    }
}

/// The first records of this time or later; where there are none, the end.
pub(crate) fn of_time<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    time: SystemTime,
    limit: Duration,
) -> Result<TopicPartitionList> {
    let failed = |error: KafkaError| classify("receiver", &error);
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let mut found = consumer
        .offsets_for_times(list(partitions, Offset::Offset(millis))?, limit)
        .map_err(failed)?;
    let later: Vec<_> = partitions
        .iter()
        .filter(|partition| {
            let element = found.find_partition(&partition.topic, partition.number);
            !element.is_some_and(|element| matches!(element.offset(), Offset::Offset(_)))
        })
        .cloned()
        .collect();
    if !later.is_empty() {
        let ends = consumer
            .offsets_for_times(list(&later, Offset::End)?, limit)
            .map_err(failed)?;
        for element in ends.elements() {
            found
                .set_partition_offset(element.topic(), element.partition(), element.offset())
                .map_err(failed)?;
        }
    }
    Ok(found)
}

/// One partition begins at the position; the others, which it says nothing about, at their start.
pub(crate) fn of_position(
    partitions: &[Partition],
    position: &Position,
    cluster: &str,
) -> Result<TopicPartitionList> {
    let mut places = TopicPartitionList::new();
    for partition in partitions {
        if *log_name(cluster, &partition.topic, partition.number) == *position.log {
            let offset = i64::try_from(position.offset)
                .map_err(|_| Error::invalid("expected an offset of kafka, found one above its range"))?;
            places
                .add_partition_offset(&partition.topic, partition.number, Offset::Offset(offset))
                .map_err(|error| classify("receiver", &error))?;
        }
    }
    if places.count() == 0 {
        return Err(Error::new(
            ErrorKind::InvalidSetting,
            "receiver",
            "expected a position of this topic, as it is printed with its messages, found one of another log",
        )
        .with("position", position));
    }
    Ok(places)
}

/// Commits what was settled under a membership that was lost before it was committed, where the group still stands before
/// it. A partition of which the group has no place at all may be that of a topic made anew, and is left alone.
pub(crate) fn pay<C: ConsumerContext>(consumer: &BaseConsumer<C>, owed: &[(Partition, i64)]) {
    if owed.is_empty() {
        return;
    }
    let partitions: Vec<_> = owed.iter().map(|(partition, _)| partition.clone()).collect();
    let failed = |error: KafkaError| classify("settle", &error);
    let paid = committed(consumer, &partitions, SHORT)
        .map_err(failed)
        .and_then(|known| {
            let mut places = TopicPartitionList::new();
            for (partition, next) in owed {
                let known = known.find_partition(&partition.topic, partition.number);
                if let Some(Offset::Offset(committed)) = known.map(|element| element.offset())
                    && committed < *next
                {
                    places
                        .add_partition_offset(&partition.topic, partition.number, Offset::Offset(*next))
                        .map_err(failed)?;
                }
            }
            if places.count() == 0 {
                return Ok(());
            }
            consumer.commit(&places, CommitMode::Sync).map_err(failed)
        });
    if let Err(error) = paid {
        tracing::warn!(%error, "what was settled before the membership was lost could not be committed; it comes again");
    }
}

/// Learns where the group stands in partitions that were just assigned, and tells what was deleted before it was read.
pub(crate) fn look<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    partitions: &[Partition],
) {
    let committed = match self::committed(consumer, partitions, SHORT) {
        Ok(committed) => committed,
        Err(error) => {
            tracing::warn!(%error, "the group's places could not be asked for; a gap in front of them goes unnoticed");
            return;
        }
    };
    let mut places = Vec::new();
    for element in committed.elements() {
        let partition = Partition {
            topic: element.topic().into(),
            number: element.partition(),
        };
        if let Offset::Offset(next) = element.offset()
            && let Some((_, state)) = shared.flight().lane(&partition)
        {
            state.committed = Some(next);
            state.expected.get_or_insert(next);
            places.push((partition, next));
        }
    }
    tell_gaps(consumer, shared, &places);
}

/// Tells of these places those in front of which records were deleted. Transaction markers and compacted records leave
/// holes, too, but only deletion moves the start of a partition past a place.
pub(crate) fn tell_gaps<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    places: &[(Partition, i64)],
) {
    if places.is_empty() {
        return;
    }
    let partitions: Vec<_> = places.iter().map(|(partition, _)| partition.clone()).collect();
    let starts = list(&partitions, Offset::Beginning).and_then(|list| {
        consumer
            .offsets_for_times(list, SHORT)
            .map_err(|error| classify("receive", &error))
    });
    let starts = match starts {
        Ok(starts) => starts,
        Err(error) => {
            tracing::warn!(%error, "the start of partitions could not be asked for; a gap may go unnoticed");
            return;
        }
    };
    for (partition, place) in places {
        let start = starts.find_partition(&partition.topic, partition.number);
        if let Some(Offset::Offset(first)) = start.map(|element| element.offset())
            && first > *place
        {
            tracing::warn!(
                topic = &*partition.topic,
                partition = partition.number,
                from = place,
                to = first,
                "records were deleted before they were read"
            );
            let mut flight = shared.flight();
            if let Some((_, state)) = flight.lane(partition) {
                // What is told is not told again when the first record behind the gap comes.
                state.expected = state.expected.map(|expected| expected.max(first));
            }
            drop(flight);
            shared.events.tell(Event::Gap {
                channel: partition.topic.to_string(),
                messages: u64::try_from(first - place).ok(),
            });
        }
    }
}

/// These partitions, each with this offset.
pub(crate) fn list(partitions: &[Partition], offset: Offset) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition_offset(&partition.topic, partition.number, offset)
            .map_err(|error| classify("receiver", &error))?;
    }
    Ok(list)
}
