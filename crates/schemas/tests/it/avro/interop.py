"""Reads container files through fastavro's own values.

`copy FOLDER` writes python-CODEC.avro for each ours-CODEC.avro of a folder; `json FILE` prints each record as JSON.
"""

import datetime
import json
import sys

import fastavro


def plain(value):
    if isinstance(value, datetime.datetime):
        text = value.isoformat()
        return text.replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def copy(folder):
    for codec in ("null", "deflate", "snappy", "zstandard"):
        with open(f"{folder}/ours-{codec}.avro", "rb") as ours:
            reader = fastavro.reader(ours)
            assert reader.codec == codec, reader.codec
            schema = reader.writer_schema
            records = list(reader)
        with open(f"{folder}/python-{codec}.avro", "wb") as theirs:
            fastavro.writer(theirs, schema, records, codec=codec)
        if codec == "null":
            for name in ("long", "decimal", "small", "date", "time", "finer", "at", "local", "id"):
                value = records[0][name]
                print(name, value.isoformat() if hasattr(value, "isoformat") else value)


def show(file):
    with open(file, "rb") as ours:
        for record in fastavro.reader(ours):
            print(json.dumps(plain(record)))


if sys.argv[1] == "copy":
    copy(sys.argv[2])
else:
    show(sys.argv[2])
