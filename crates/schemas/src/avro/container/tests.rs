use dunlin_core::migration::Limits;

use super::super::tests::{decoded, encoded, schema};
use super::*;

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]}]}"#;

fn file(compression: Compression, count: usize) -> Vec<u8> {
    let schema = schema(ORDER);
    let mut writer = Writer::new(Vec::new(), ORDER, compression).expect("memory can be written");
    for id in 0..count {
        let json = format!(r#"{{"id": {id}, "note": "{}"}}"#, "x".repeat(id % 50));
        let datum = encoded(&*schema, &json).expect("it fits the schema");
        writer.add(&datum).expect("memory can be written");
    }
    writer.finish().expect("memory can be written")
}

fn ids(file: &[u8]) -> Result<Vec<String>, ContainerError> {
    let mut reader = Reader::new("a.avro", file)?;
    let schema = std::sync::Arc::clone(reader.schema());
    let mut all = Vec::new();
    while let Some(datum) = reader.next_datum(&Limits::default())? {
        all.push(decoded(&*schema, datum).expect("its length was just found"));
    }
    Ok(all)
}

#[test]
fn what_was_written_with_any_codec_is_read_again() {
    for (word, compression) in Compression::ALL {
        let file = file(compression, 20_000);
        let all = ids(&file).unwrap_or_else(|error| panic!("{word}: {error}"));
        assert_eq!(all.len(), 20_000, "{word}");
        assert_eq!(all[3], r#"{"id":3,"note":"xxx"}"#, "{word}");
        let reader = Reader::new("a.avro", &file[..]).expect("it was read before");
        assert_eq!(reader.compression(), compression);
        assert_eq!(Compression::from_word(word), Some(compression));
    }
    assert_eq!(ids(&file(Compression::Null, 0)).expect("it is empty"), [""; 0]);
}

#[test]
fn a_file_that_ends_early_or_is_damaged_is_refused_at_any_byte() {
    for (_, compression) in Compression::ALL {
        let file = file(compression, 10);
        let header = 4 + 1 + 12 + 1 + 2 + ORDER.len();
        for end in 0..file.len() {
            let read = ids(&file[..end]);
            // An end between blocks is the end of a shorter file.
            let is_between = read.as_ref().is_ok_and(Vec::is_empty) && end > header;
            assert!(read.is_err() || is_between, "{compression:?} {end}");
        }
        let mut damaged = file.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert!(ids(&damaged).is_err());
    }
}

#[test]
fn lengths_and_counts_that_lie_are_refused() {
    let block = |count: &[u8], size: &[u8]| {
        let mut all = file(Compression::Null, 0);
        all.extend_from_slice(count);
        all.extend_from_slice(size);
        all
    };
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert!(ids(&block(&[2], &huge)).is_err());
    assert!(ids(&block(&[2], &[0x80, 0x80, 0x80, 0x08])).is_err());
    assert!(ids(&block(&[1], &[0])).is_err());
    assert!(Reader::new("a.avro", &b"Obj\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..]).is_err());
    assert!(Reader::new("a.avro", &b"Obj\x01\x01\x01"[..]).is_err());
    assert!(Reader::new("a.avro", &b"{}"[..]).is_err());
}

#[test]
fn endless_data_without_bytes_are_refused() {
    let mut all = Writer::new(Vec::new(), "\"null\"", Compression::Null)
        .and_then(Writer::finish)
        .expect("memory can be written");
    let sync: Vec<u8> = all[all.len() - SYNC..].to_vec();
    all.extend([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0]);
    all.extend(sync);
    assert!(ids(&all).is_err());
}

#[test]
fn a_bomb_of_any_codec_ends_at_the_limit() {
    for (word, compression) in Compression::ALL {
        if compression == Compression::Null {
            continue;
        }
        let bomb = compression
            .compress(&vec![0; MOST_BLOCK + 1])
            .expect("it is compressed");
        assert!(bomb.len() < MOST_BLOCK / 10, "{word}");
        assert!(compression.decompress(bomb).is_err(), "{word}");
    }
}

#[test]
fn the_lines_of_a_file_are_its_documents() {
    use std::io::Read as _;

    let file = file(Compression::Deflate, 3);
    let mut text = String::new();
    let mut lines = Lines::new("a.avro", &file[..]).expect("it is a container file");
    lines.read_to_string(&mut text).expect("it is whole");
    assert_eq!(
        text,
        "{\"id\":0,\"note\":\"\"}\n{\"id\":1,\"note\":\"x\"}\n{\"id\":2,\"note\":\"xx\"}\n"
    );
    let mut cut = Lines::new("a.avro", &file[..file.len() - 1]).expect("its header is whole");
    let error = cut.read_to_string(&mut text).expect_err("it is cut off");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}
