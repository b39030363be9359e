//! Keys go to the partitions to which Java's producers send them.

use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Events, Outgoing, Target};
use dunlin_core::settings::Settings;

use crate::stand::KafkaStand;

/// Keys with the hash that the tests of Kafka's own Java client expect of them.
const KNOWN: [(&[u8], i32); 6] = [
    (b"21", -973_932_308),
    (b"foobar", -790_332_482),
    (b"a-little-bit-long-string", -985_981_536),
    (b"a-little-bit-longer-string", -1_486_304_829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    (b"abc", 479_470_107),
];

pub(crate) async fn keys_go_where_java_sends_them(stand: &KafkaStand) {
    const PARTITIONS: u32 = 13;
    stand.topic("by-key", PARTITIONS as usize, None).await.unwrap();
    let system = stand.open_with(&Settings::new()).unwrap();
    let session = system.connect(Events::ignored()).await.unwrap();
    let target = Target::new(Endpoint::new("by-key"), "test");
    let mut sender = session.sender(&target).await.unwrap();
    let batch: Vec<_> = (KNOWN.iter())
        .map(|(key, _)| Outgoing::new(Message::new("{}").with_key(*key)))
        .collect();
    let answers = sender.send(&batch).await.unwrap().await;
    for ((key, hash), answer) in KNOWN.iter().zip(answers) {
        let position = answer.unwrap().position.unwrap();
        let found = position.log.rsplit('/').next().unwrap().to_owned();
        // As Java has it: the sign is cut off, not turned.
        let expected = (hash.cast_unsigned() & 0x7fff_ffff) % PARTITIONS;
        assert_eq!(found, expected.to_string(), "{}", String::from_utf8_lossy(key));
    }
    sender.close().await.unwrap();
    session.close().await.unwrap();
}
