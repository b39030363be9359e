//! The proof: what it says of a shape holds for every document of the shape.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin_core::migration::shape::{ArrayShape, Kinds, MemberShape, Node, NumberShape, Shape, StringShape};
use dunlin_core::migration::{Migration, Outcome};

use super::super::chance::Chance;
use super::super::pair::Pair;
use super::{Law, Run, has_duplicates, hold};

/// A chain that is run over a shape of the document, be it the narrowest or a wider one, tells no untruth about what
/// became of the document.
pub(super) fn proved(pair: &Pair, migration: &Migration, once: &Run, chance: &mut Chance) -> Law {
    let Some(document) = pair
        .message
        .document
        .as_ref()
        .filter(|document| !has_duplicates(document))
    else {
        return Ok(());
    };
    let mut wider = Wider {
        chance,
        definitions: BTreeMap::new(),
    };
    let root = wider.node(Node::of(document), 0);
    let definitions = Arc::new(wider.definitions);
    for shape in [Shape::of(Node::of(document)), Shape { root, definitions }] {
        hold("a document has its shape", shape.admits(document), || {
            format!("{shape:?}")
        })?;
        tells_the_truth(migration, once, &shape)?;
    }
    Ok(())
}

fn tells_the_truth(migration: &Migration, once: &Run, shape: &Shape) -> Law {
    for (index, (change, message)) in once.steps.iter().enumerate() {
        let Some(document) = message
            .document
            .as_ref()
            .filter(|document| !has_duplicates(document))
        else {
            return Ok(());
        };
        let followed = migration.follow(shape, 0, index + 1);
        let told = || format!("after {index}, of {shape:?}\ncame {followed:?}");
        let step = followed.steps.get(index);
        hold(
            "what always fails fails",
            step.is_some_and(|step| !step.always_fails),
            told,
        )?;
        let did = matches!(change.outcome, Outcome::Applied | Outcome::Unchanged);
        let matched = step.is_none_or(|step| !step.performed || !step.places.is_empty());
        hold("what can never match does nothing", matched || !did, told)?;
        hold(
            "what comes out has the shape that comes out",
            followed.shape.admits(document),
            || format!("{}\n{}", document.to_json(), told()),
        )?;
    }
    Ok(())
}

/// Makes shapes that admit more.
struct Wider<'a> {
    chance: &'a mut Chance,
    definitions: BTreeMap<Arc<str>, Node>,
}

impl Wider<'_> {
    fn node(&mut self, node: Node, depth: usize) -> Node {
        if self.chance.percent(6) {
            return Node::Anything;
        }
        let Node::Kinds(kinds) = node else { return node };
        let mut kinds = *kinds;
        if self.chance.percent(10) {
            kinds.null = true;
        }
        if self.chance.percent(4) {
            kinds.string.get_or_insert_default();
        }
        if self.chance.percent(4) {
            kinds.number.get_or_insert_default();
        }
        if let Some(string) = &mut kinds.string
            && self.chance.percent(60)
        {
            *string = StringShape::default();
        }
        if let Some(number) = &mut kinds.number
            && self.chance.percent(40)
        {
            *number = NumberShape::default();
        }
        if let Some(array) = &mut kinds.array {
            self.array(array, depth);
        }
        if let Some(object) = &mut kinds.object {
            for member in &mut object.members {
                member.required &= self.chance.percent(70);
                let value = std::mem::take(&mut member.value);
                member.value = self.node(value, depth + 1);
            }
            for name in ["a", "b", "v", "x_1", "foo_bar", "a.b", "key"] {
                if self.chance.percent(7) && object.member(name).is_none() && object.others.is_none() {
                    let value = self.other();
                    let member = MemberShape {
                        name: name.to_owned(),
                        required: false,
                        value,
                    };
                    object.members.push(member);
                }
            }
            if self.chance.percent(12) && object.others.is_none() {
                object.others = Some(self.other());
            }
        }
        let node = Node::from(kinds);
        if self.chance.percent(5) {
            let name: Arc<str> = format!("d{}", self.definitions.len()).into();
            self.definitions.insert(Arc::clone(&name), node);
            return Node::Reference(name);
        }
        node
    }

    fn array(&mut self, array: &mut ArrayShape, depth: usize) {
        if self.chance.percent(40) {
            array.least = self.chance.below(array.least + 1);
        }
        if self.chance.percent(60) {
            array.most = None;
        }
        let element = std::mem::take(&mut array.element);
        array.element = self.node(element, depth + 1);
    }

    /// The shape of something that is not in the document.
    fn other(&mut self) -> Node {
        let text = *self.chance.pick(&[
            &"1",
            &"\"x\"",
            &"{\"b\":{\"c\":1}}",
            &"[{\"b\":2}]",
            &"null",
            &"[]",
        ]);
        if self.chance.percent(20) {
            return Node::Anything;
        }
        let mut kinds = match Node::of(&super::super::pair::json(text)) {
            Node::Kinds(kinds) => *kinds,
            Node::Anything | Node::Reference(_) => Kinds::all(),
        };
        kinds.boolean |= self.chance.percent(20);
        kinds.into()
    }
}
