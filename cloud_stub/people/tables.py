"""The file of people: who may sign in, how they prove who they are, and what was done to them."""

from pathlib import Path

from cloud_stub.database import Database
from cloud_stub.private_files import private_directory

FILE, KEY_FILE = "people.sqlite", "people.key"

SCHEMA = """
CREATE TABLE person (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL, roles TEXT NOT NULL,
    suspended TEXT, seed BLOB, last_step INTEGER NOT NULL DEFAULT -1
) WITHOUT ROWID;
CREATE TABLE device (device TEXT PRIMARY KEY, person TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE paper (person TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE passkey (
    id BLOB PRIMARY KEY, person TEXT NOT NULL, public BLOB NOT NULL, count INTEGER NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE session (
    token BLOB PRIMARY KEY, person TEXT NOT NULL, csrf TEXT NOT NULL, begun REAL NOT NULL, seen REAL NOT NULL,
    second REAL
) WITHOUT ROWID;
CREATE TABLE asked (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, what TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
    approved_by TEXT, used REAL
) WITHOUT ROWID;
CREATE TABLE event (idx INTEGER PRIMARY KEY, row BLOB NOT NULL);
"""


def open_tables(directory: Path) -> Database:
    """The file in `directory` (0700). Raises StorageError."""
    private_directory(directory)
    return Database(directory / FILE, SCHEMA, 1)
