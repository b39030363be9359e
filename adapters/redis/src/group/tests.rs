use super::*;

fn stream(length: u64, first: u64, last: u64, added: u64) -> Stream {
    let there = |id| (length > 0).then(|| Id::at(id));
    Stream {
        length,
        last: Some(Id::at(last)),
        first_there: there(first),
        last_there: there(last),
        added: Some(added),
        deleted: Some(Id::ZERO),
        nodes: None,
    }
}

fn standing(delivered: u64, read: u64, pending: u64) -> Standing {
    Standing {
        delivered: Some(Id::at(delivered)),
        pending,
        consumers: 1,
        read: Some(read),
        lag: None,
    }
}

#[test]
fn entries_that_were_trimmed_unread_are_counted() {
    // Forty were written, two read, and three are left.
    let gap = standing(2, 2, 0).gap(&stream(3, 38, 40, 40));
    assert_eq!(gap, Some(Gap { lost: 35, passed: 37 }));
    // All of them are gone.
    let gap = standing(2, 2, 0).gap(&stream(0, 0, 40, 40));
    assert_eq!(gap, Some(Gap { lost: 38, passed: 40 }));
    // The group went past the hole before anyone looked.
    let gap = standing(40, 5, 3).gap(&stream(3, 38, 40, 40));
    assert_eq!(gap, Some(Gap { lost: 35, passed: 40 }));
}

#[test]
fn entries_that_were_trimmed_after_they_were_read_are_no_gap() {
    assert_eq!(standing(37, 37, 0).gap(&stream(3, 38, 40, 40)), None);
    assert_eq!(standing(39, 39, 1).gap(&stream(3, 38, 40, 40)), None);
    assert_eq!(standing(40, 40, 0).gap(&stream(0, 0, 40, 40)), None);
    assert_eq!(standing(0, 0, 0).gap(&Stream::default()), None);
}

#[test]
fn a_group_that_is_made_again_has_lost_nothing_where_the_stream_still_has_all_behind_its_place() {
    let place = Id::at(40);
    let whole = || stream(60, 1, 60, 60);
    assert!(whole().has_all_behind(place));
    // Nothing came, so that it does not matter what was removed.
    assert!(stream(0, 0, 40, 40).has_all_behind(place));
    let deleted_before = Stream {
        deleted: Some(Id::at(12)),
        ..whole()
    };
    assert!(deleted_before.has_all_behind(place));
    let deleted_behind = Stream {
        deleted: Some(Id::at(41)),
        ..whole()
    };
    assert!(!deleted_behind.has_all_behind(place));
    assert!(!stream(10, 51, 60, 60).has_all_behind(place), "trimmed");
    let untold = Stream {
        deleted: None,
        ..whole()
    };
    assert!(!untold.has_all_behind(place));
}

#[test]
fn nothing_is_called_a_gap_where_the_server_does_not_count() {
    let mut old = stream(3, 38, 40, 40);
    old.added = None;
    assert_eq!(standing(2, 2, 0).gap(&old), None);
    let unknown = Standing {
        read: None,
        ..standing(2, 2, 0)
    };
    assert_eq!(unknown.gap(&stream(3, 38, 40, 40)), None);
}

#[test]
fn the_lag_is_bounded_by_what_is_there_since_the_server_counts_what_is_gone() {
    let told = |lag| Standing {
        lag: Some(lag),
        ..standing(39, 5, 2)
    };
    assert_eq!(told(35).unsettled(&stream(3, 38, 40, 40)), Some(5));
    assert_eq!(told(1).unsettled(&stream(3, 38, 40, 40)), Some(3));
    assert_eq!(standing(40, 5, 2).unsettled(&stream(3, 38, 40, 40)), Some(2));
    assert_eq!(standing(2, 2, 0).unsettled(&stream(3, 38, 40, 40)), Some(3));
    assert_eq!(
        standing(39, 39, 0).unsettled(&stream(3, 38, 40, 40)),
        None,
        "Redis 6 does not tell"
    );
}

#[test]
fn a_start_inside_a_millisecond_begins_behind_it() {
    assert_eq!(milliseconds(UNIX_EPOCH + Duration::from_millis(7)), 7);
    assert_eq!(milliseconds(UNIX_EPOCH + Duration::from_nanos(7_000_001)), 8);
    assert_eq!(milliseconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
}
