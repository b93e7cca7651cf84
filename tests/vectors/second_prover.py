"""Checks the proof of one row of a ledger (C2SP tlog-proof) with Python's standard library and nothing else.

    python second_prover.py PROOF VKEY ROW [WITNESS_VKEY...]

Written from c2sp.org/tlog-proof, signed-note, tlog-cosignature, RFC 6962 and RFC 8032; it imports nothing of
ours. The arithmetic of Ed25519 is that of RFC 8032, section 6: slow, and good enough here. Exit 0: the row
is in the ledger, and every witness named has cosigned the head.
"""

import base64
import hashlib
import sys
from pathlib import Path

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


class CheckError(Exception):
    """It does not hold; the text says what."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise CheckError(what)


def add(a: Point, b: Point) -> Point:
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    z, w = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, w - z, w + z, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def unpack(data: bytes) -> Point:
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    require(y < P, "a point outside of the field")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    require((x * x - square) % P == 0 and not (x == 0 and sign), "not a point")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def pack(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


Y = 4 * pow(5, -1, P) % P
BASE = unpack(Y.to_bytes(32, "little"))


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032, section 5.1.7, without cofactor."""
    if len(public) != 32 or len(signature) != 64:
        return False
    try:
        a = unpack(public)
    except CheckError:
        return False
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    minus = (P - a[0], a[1], a[2], P - a[3])
    return s < Q and pack(add(times(s, BASE), times(k, minus))) == signature[:32]


def from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise CheckError("not base64") from None
    require(base64.b64encode(raw).decode() == text, "not the canonical base64")
    return raw


def read_vkey(vkey: str) -> tuple[str, bytes, bytes]:
    """Name, key id and key material (type, then 32 bytes) of a verifier key."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    material = from_base64(encoded)
    digest = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    require(digest.hex() == key_id and len(material) == 33, "a verifier key that does not fit itself")
    return name, digest, material


def signed(text: str, lines: list[str], vkey: str) -> bool:
    """Whether some line under a note is by that key, of type 1 (a log) or 4 (a witness)."""
    name, key_id, material = read_vkey(vkey)
    for line in lines:
        require(line.startswith("\u2014 ") and line.count(" ") == 2, "a line that is no signature")
        said, encoded = line[2:].split(" ")
        value = from_base64(encoded)
        if said != name or value[:4] != key_id:
            continue
        message, value = text.encode(), value[4:]
        if material[0] == 4:
            time, value = int.from_bytes(value[:8], "big"), value[8:]
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        return verify(material[1:], message, value)
    return False


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that PATH of RFC 6962, section 2.1.1, leads to."""
    require(0 <= index < size and bool(path) == (size > 1), "a path of another length")
    if size == 1:
        return leaf
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return node(included(leaf, index, left, path[:-1]), path[-1])
    return node(path[-1], included(leaf, index - left, size - left, path[:-1]))


def check(proof: str, vkey: str, row: bytes, witnesses: list[str]) -> tuple[int, int]:
    """The row's index and the ledger's size. Raises CheckError."""
    top, _, note = proof.partition("\n\n")
    lines = top.split("\n")
    require(lines[0] == "c2sp.org/tlog-proof@v1", "another format")
    if lines[1].startswith("extra "):
        del lines[1]
    require(lines[1].startswith("index ") and lines[1][6:].isdecimal(), "no index")
    index, path = int(lines[1][6:]), [from_base64(line) for line in lines[2:]]
    require(lines[1] == f"index {index}" and all(len(each) == 32 for each in path), "index or hashes")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    head = text.split("\n")
    require(len(head) == 4 and signatures.endswith("\n"), "not a head")
    require(head[0] == f"overheard/v1/{read_vkey(vkey)[0]}", "the head of another ledger")
    for each in (vkey, *witnesses):
        require(signed(text, signatures[:-1].split("\n"), each), f"not signed by {each}")
    size, root = int(head[1]), from_base64(head[2])
    leaf = hashlib.sha256(b"\0" + row).digest()
    require(included(leaf, index, size, path) == root, "the path does not lead to the root")
    return index, size


def main() -> int:
    proof, vkey, row, *witnesses = sys.argv[1:]
    try:
        index, size = check(Path(proof).read_text(encoding="utf-8"), vkey, Path(row).read_bytes(), witnesses)
    except (CheckError, ValueError, IndexError) as error:
        print(f"{proof}: {error}")
        return 1
    print(f"row {index} of {size}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
