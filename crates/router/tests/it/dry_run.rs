//! A dry run leaves no trace.

use dunlin_core::memory::MemoryBroker;
use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Events, Outgoing, Room, Target, Verdict};
use dunlin_router::Plan;

use crate::project::{Project, clock, registry};

const ROOM: Room = Room {
    messages: 10,
    bytes: 1 << 20,
};

fn plan(name: &str) -> Plan {
    let clock = clock();
    let project = Project::new(&format!(
        "systems: {{ queue: {{ url: 'memory:{name}', settings: {{ mode: queue }} }} }}\n\
         routes: {{ r: {{ from: queue/in, to: queue/out }} }}\n"
    ));
    Plan::read(&project.sources, &registry(), &clock).unwrap()
}

#[tokio::test]
async fn messages_are_looked_at_and_nothing_is_taken_or_sent() {
    let plan = plan("dry-run");
    let broker = MemoryBroker::named("dry-run", &clock());
    let session = plan.systems["queue"]
        .system
        .connect(Events::ignored())
        .await
        .unwrap();
    let mut sender = session
        .sender(&Target::new(Endpoint::new("in"), "test"))
        .await
        .unwrap();
    for answer in sender
        .send(&[Outgoing::new(Message::new("1"))])
        .await
        .unwrap()
        .await
    {
        answer.unwrap();
    }
    let plan = plan.dry();
    let route = &plan.routes[0];
    assert_eq!(route.from.source.group, "dunlin-r-dry-run");
    for _ in 0..2 {
        let session = plan.systems["queue"]
            .system
            .connect(Events::ignored())
            .await
            .unwrap();
        let (mut receiver, mut settler) = session.receiver(&route.from.source).await.unwrap();
        let mut batch = Vec::new();
        receiver.receive(ROOM, &mut batch).await.unwrap();
        assert_eq!(batch.len(), 1);
        let mut sender = session.sender(&route.to.end.target).await.unwrap();
        let confirm = sender
            .send(&[Outgoing::new(batch[0].message.clone())])
            .await
            .unwrap();
        assert!(confirm.await.iter().all(Result::is_ok));
        settler.settle(&[(batch[0].token, Verdict::Done)]).await.unwrap();
        assert!(
            receiver.receive(ROOM, &mut batch).await.is_err(),
            "it ends behind the last message"
        );
    }
    assert_eq!((broker.stored("in").len(), broker.stored("out").len()), (1, 0));
}
