use super::*;

fn string() -> Node {
    Kinds {
        string: Some(StringShape::default()),
        ..Kinds::default()
    }
    .into()
}

fn integer(range: Option<(i128, i128)>) -> Node {
    Kinds {
        number: Some(NumberShape { integer: true, range }),
        ..Kinds::default()
    }
    .into()
}

fn object(members: &[(&str, bool, Node)], others: Option<Node>) -> Node {
    let members = members
        .iter()
        .map(|(name, required, value)| MemberShape {
            name: (*name).to_owned(),
            required: *required,
            value: value.clone(),
        })
        .collect();
    Kinds {
        object: Some(ObjectShape { members, others }),
        ..Kinds::default()
    }
    .into()
}

fn told(from: Node, to: Node) -> Vec<String> {
    let misfits = Shape::of(from).misfits(&Shape::of(to));
    let line = |misfit: &Misfit| {
        format!(
            "{:?} {}: expected {}, {}",
            misfit.certainty, misfit.path, misfit.expected, misfit.found
        )
    };
    misfits.iter().map(line).collect()
}

#[test]
fn a_shape_fits_itself() {
    let node = object(&[("a", true, string()), ("b", false, integer(None))], None);
    assert_eq!(told(node.clone(), node), [""; 0]);
}

#[test]
fn what_never_fits_is_told_apart_from_what_may_not_fit() {
    let to = object(
        &[
            ("a", true, string()),
            ("b", true, string()),
            ("c", true, string()),
        ],
        None,
    );
    let from = object(
        &[
            ("a", true, integer(None)),
            ("b", false, string()),
            ("x", true, string()),
            ("y", false, string()),
        ],
        None,
    );
    assert_eq!(
        told(from, to),
        [
            "Certain `a`: expected a string, an integer",
            "Possible `b`: expected a member of this name, documents without it",
            "Certain `c`: expected a member of this name, documents without it",
            "Certain `x`: expected no member of this name, documents with it",
            "Possible `y`: expected no member of this name, documents with it",
        ]
    );
}

#[test]
fn what_an_open_shape_leaves_open_is_unknown() {
    let to = object(&[("a", false, string())], None);
    assert_eq!(
        told(object(&[], Some(Node::Anything)), to),
        [
            "Unknown `a`: expected a string, anything",
            "Unknown `*`: expected no other members, documents that may have some"
        ]
    );
    assert_eq!(
        told(integer(None), integer(Some((0, 9)))),
        ["Unknown the document: expected a number from 0 to 9, a number of any size"]
    );
    assert_eq!(
        told(integer(Some((10, 11))), integer(Some((0, 9)))),
        ["Certain the document: expected a number from 0 to 9, one from 10 to 11"]
    );
}

#[test]
fn recursive_shapes_are_compared_once() {
    let list = |value: Node| {
        let tail = Kinds {
            null: true,
            ..Kinds::default()
        };
        let node = object(
            &[
                ("value", true, value),
                ("next", false, Node::Reference("list".into())),
            ],
            None,
        );
        let Node::Kinds(mut kinds) = node else {
            unreachable!()
        };
        kinds.null = tail.null;
        Shape {
            root: Node::Reference("list".into()),
            definitions: Arc::new(BTreeMap::from([("list".into(), Node::Kinds(kinds))])),
        }
    };
    assert_eq!(list(string()).misfits(&list(string())), []);
    assert_eq!(list(string()).misfits(&list(integer(None))).len(), 1);
}

#[test]
fn a_united_shape_takes_the_values_of_both() {
    let one = object(&[("a", true, string())], None);
    let other = object(&[("a", true, integer(None)), ("b", true, string())], None);
    let shape = Shape::anything();
    let both = shape.united(&one, &other);
    for part in [one, other] {
        assert_eq!(told(part, both.clone()), [""; 0]);
    }
    assert_eq!(shape.united(&both, &Node::Anything), Node::Anything);
    assert_eq!(shape.united(&both, &Node::default()), both);
}

#[test]
fn kinds_read_as_a_sentence() {
    assert_eq!(Kinds::default().to_string(), "nothing");
    assert_eq!(
        Kinds::all().to_string(),
        "a boolean, a number, a string, an array, an object or null"
    );
    let path = ShapePath::default().member("a b").elements().member("c").others();
    assert_eq!(path.to_string(), "`\"a b\"[*].c.*`");
}
