use super::*;

fn run(bytes: &[u8]) -> Result<Pickle, Fault> {
    load(&mut Input::new(bytes, 1 << 20))
}

fn root_of(bytes: &[u8]) -> Value {
    let mut pickle = run(bytes).unwrap();
    pickle.values.swap_remove(pickle.root.0 as usize)
}

#[test]
fn numbers_and_texts() {
    assert_eq!(root_of(b"\x80\x02K\x07."), Value::Int(7));
    assert_eq!(root_of(b"J\xff\xff\xff\xff."), Value::Int(-1));
    assert_eq!(root_of(b"\x8a\x00."), Value::Int(0));
    assert_eq!(root_of(b"\x8a\x02\x00\x01."), Value::Int(256));
    assert_eq!(root_of(b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00."), Value::Int(i64::MAX));
    assert!(matches!(root_of(b"\x8a\x09\0\0\0\0\0\0\0\0\x01."), Value::Long(_)));
    assert_eq!(root_of(b"I01\n."), Value::Bool(true));
    assert_eq!(root_of(b"L-5L\n."), Value::Int(-5));
    assert_eq!(root_of(b"X\x02\0\0\0hi."), Value::Text("hi".into()));
    assert_eq!(root_of(b"S'hi'\n."), Value::Text("hi".into()));
    assert_eq!(root_of(b"C\x02hi."), Value::Bytes);
}

#[test]
fn a_value_filled_after_it_was_stored_is_seen_filled() {
    // {"a": d, "b": d} where d is stored empty, then gets an item.
    let pickle = run(b"}(X\x01\0\0\0a}q\x00X\x01\0\0\0kK\x01sX\x01\0\0\0bh\x00u.").unwrap();
    let root = pickle.root;
    let (a, b) = (pickle.lookup(root, "a").unwrap(), pickle.lookup(root, "b").unwrap());
    assert_eq!(a, b);
    assert_eq!(pickle.entries(b).unwrap().len(), 1);
}

#[test]
fn what_acts_is_refused_even_if_never_called_or_thrown_away() {
    for pickle in [
        &b"cposix\nsystem\n."[..],
        b"cposix\nsystem\n0K\x01.",
        b"\x8c\x05posix\x8c\x06system\x93.",
        b"(S'ls'\niposix\nsystem\n.",
        b"(cposix\nsystem\nS'ls'\no.",
    ] {
        match run(pickle).unwrap_err() {
            Fault::RefusedGlobal(name) => assert_eq!(name, "posix.system"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn unknown_calls_are_remembered_and_unknown_instances_are_not() {
    let called = run(b"csome\nthing\n)R0N.").unwrap();
    assert!(
        matches!(called.check_calls(), Err(Fault::RefusedGlobal(name)) if name == "some.thing")
    );
    // Calling what a call returned.
    assert!(run(b"cargparse\nNamespace\n)R)R.").unwrap().check_calls().is_err());
    let instance = run(b"csome\nThing\n)\x81}b.").unwrap();
    assert!(instance.check_calls().is_ok());
}

#[test]
fn broken_programs_are_errors() {
    for pickle in [
        &b""[..],
        b"K",
        b".",
        b"a.",
        b"(",
        b"(.",
        b"t.",
        b"h\x05.",
        b"}K\x01a.",
        b"]K\x01K\x02s.",
        b"}(K\x01u.",
        b"\x93.",
        b"R.",
        b"b.",
        b"o.",
        b"(o.",
        b"\xff.",
        b"Ix\n.",
        b"gx\n.",
        b"K\x01(0(2.",
    ] {
        assert!(run(pickle).is_err(), "{pickle:?}");
    }
}

#[test]
fn declared_lengths_cost_nothing() {
    for pickle in [
        &b"X\xff\xff\xff\xffhi"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi",
        b"\x8b\xff\xff\xff\xff\x01",
    ] {
        assert!(run(pickle).is_err());
    }
}

#[test]
fn depth_sharing_and_cycles_are_harmless() {
    let mut deep = vec![b']'; 100_000];
    deep.extend(vec![b'a'; 99_999]);
    deep.push(b'.');
    assert!(run(&deep).is_ok());

    // Each tuple holds the one before twice: 2^40 leaves if it were copied.
    let mut doubling = b"N".to_vec();
    doubling.extend(b"q\x00h\x00\x86".repeat(40));
    doubling.push(b'.');
    assert!(run(&doubling).is_ok());

    assert!(run(b"]q\x00h\x00a.").is_ok());
}
