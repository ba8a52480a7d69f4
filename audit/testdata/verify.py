#!/usr/bin/env python3
"""Verify a skans audit log: verify.py DIRECTORY KEY[,KEY...] [WITNESS]

Independent of the Go code: written after docs/audit-format.md, with the standard library and the openssl program. Keys are
Ed25519 public keys in hexadecimal, newest first. The witness is a line "skans-audit LOG RECORD HASH". Exit status 0: intact.
"""
import calendar, datetime, hashlib, os, re, struct, subprocess, sys, tempfile, zlib

MAX_FRAME = (1 << 20) + (64 << 10)

class Bad(Exception):
    def __init__(self, where, number, why):
        super().__init__(f"tampered: {where} {number}: {why}")

class Torn(Exception): pass

def frames(path):
    """Yield the bodies of a file; raise Torn where the last write was cut short, ValueError where bytes were changed."""
    with open(path, "rb") as f: data = f.read()
    at = 0
    while at < len(data):
        head = data[at:at + 12]
        if len(head) < 12 or not any(data[at:]):
            raise Torn()
        size, crc, head_crc = struct.unpack(">III", head)
        if zlib.crc32(head[:8]) != head_crc or not 1 <= size <= MAX_FRAME:
            raise ValueError("header")
        body = data[at + 12:at + 12 + size]
        if len(body) < size: raise Torn()
        if zlib.crc32(body) != crc or body[0] != 0:
            raise ValueError("body")
        yield body
        at += 12 + size

def numbered(directory, end):
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return sorted(n for n in names if re.fullmatch(r"\d{20}" + re.escape(end), n) and int(n[:20]) > 0)

def root(leaves):
    """Merkle tree hash of RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) == 1: return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()

def signature_ok(key, text, signature):
    with tempfile.TemporaryDirectory() as d:
        for name, content in (("key", bytes.fromhex("302a300506032b6570032100") + key), ("text", text), ("sig", signature)):
            with open(os.path.join(d, name), "wb") as f: f.write(content)
        run = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", d + "/key", "-rawin",
                              "-in", d + "/text", "-sigfile", d + "/sig"], capture_output=True)
        return run.returncode == 0

def due(last, keep, at):
    """Whether events up to nanosecond last may be gone at nanosecond at."""
    if keep == "ever": return False
    n, unit, (seconds, nanos) = int(keep[:-1]), keep[-1], divmod(last, 10**9)
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    if unit == "d":
        t += datetime.timedelta(days=n)
    else:
        year, month = divmod(t.year * 12 + t.month - 1 + n, 12)
        t = t.replace(year=year, month=month + 1, day=min(t.day, calendar.monthrange(year, month + 1)[1]))
    return at >= int((t - datetime.datetime(1970, 1, 1)).total_seconds()) * 10**9 + nanos

def ledger(directory, keys, witness):
    """Return the records as (number, epoch, time, facts), after checking chain, keys, signatures and witness."""
    records, previous, log, key, hashes = [], bytes(32), None, None, {}
    names = numbered(directory + "/ledger", ".led")
    for name in names:
        try:
            for body in frames(f"{directory}/ledger/{name}"):
                number, text, signature = len(records) + 1, body[:-64], body[-64:]
                m = re.match(rb"\0skans audit record 1\nlog (\w+)\nnumber (\d+)\nepoch (\d+)\ntime (-?\d+)\nprevious ([0-9a-f]{64})\nkey ([0-9a-f]{64})\n", text)
                if not m or int(m[2]) != number or bytes.fromhex(m[5].decode()) != previous or log not in (None, m[1]):
                    raise Bad("ledger", number, "does not follow the record before")
                log, signer = m[1], bytes.fromhex(m[6].decode())
                key = signer if key is None else key
                if signer != key or signer not in keys or not signature_ok(signer, text, signature):
                    raise Bad("ledger", number, "signature or key")
                facts = [line.split(" ") for line in text[m.end():].decode().splitlines()]
                for fact in facts:
                    if fact[0] == "successor":
                        key = bytes.fromhex(fact[1])
                        if key not in keys or keys.index(key) >= keys.index(signer):
                            raise Bad("ledger", number, "successor")
                previous = hashes[number] = hashlib.sha256(body).digest()
                records.append((number, int(m[3]), int(m[4]), facts))
        except Torn:
            if name != names[-1]:
                raise Bad("ledger", len(records) + 1, "cut short")
        except ValueError:
            raise Bad("ledger", len(records) + 1, "damaged")
    if not records: raise Bad("ledger", 1, "missing")
    if witness and (witness[1] != log.decode() or hashes.get(int(witness[2])) != bytes.fromhex(witness[3])):
        raise Bad("ledger", len(records) + 1, "not what the witness saw")
    return log.decode(), records

def segments(directory, name, through):
    """Yield the frames of a class that were not deleted, then None for ever."""
    for file in numbered(f"{directory}/{name}", ".seg"):
        if int(file[:20]) > through:
            for i, body in enumerate(frames(f"{directory}/{name}/{file}")):
                if (i == 0) != (body[1] == 2) or i == 0 and int(file[:20]) != int.from_bytes(body[3:11], "big"):
                    raise ValueError("segment")
                yield body
    while True: yield None

def verify(directory, keys, witness):
    log, records = ledger(directory, keys, witness)
    through, keep, sealed, latest, source, events = {}, {}, {}, {}, {}, 0
    for number, epoch, time, facts in records:
        for f in facts:
            if f[0] == "expire": through[f[1]] = int(f[2])
    for number, epoch, time, facts in records:
        for f in facts:
            if f[0] == "class":
                keep[f[1]] = f[2]
            elif f[0] == "expire":
                upto, last = int(f[2]), int(f[3])
                known = max((t for to, t in latest.get(f[1], []) if to <= upto), default=last)
                if f[4] != keep.get(f[1]) or known > last or not due(last, f[4], time) or upto > sealed.get(f[1], 0):
                    raise Bad(f[1], 1, f"deleted up to {upto} before its time")
            elif f[0] == "range":
                name, first, to = f[1], int(f[2]), int(f[3])
                if first != sealed.get(name, 0) + 1:
                    raise Bad(name, sealed.get(name, 0) + 1, "not signed")
                sealed[name] = to
                latest.setdefault(name, []).append((to, int(f[4])))
                if to <= through.get(name, 0): continue
                leaves, frame = [], source.setdefault(name, segments(directory, name, through.get(name, 0)))
                for seq in range(first, to + 1):
                    try:
                        body = next(frame)
                    except (Torn, ValueError, StopIteration):
                        body = None
                    if body is None or int.from_bytes(body[3:11], "big") != seq:
                        raise Bad(name, seq, "missing, moved or damaged")
                    if body[1] == 2 and log.encode() not in body:
                        raise Bad(name, seq, "of another log")
                    leaves.append(hashlib.sha256(body).digest())
                if root(leaves).hex() != f[5]:
                    raise Bad(name, first, "changed")
                events += len(leaves)
    return f"ok: {events} frames under {len(records)} records"

if __name__ == "__main__":
    try:
        print(verify(sys.argv[1], [bytes.fromhex(k) for k in sys.argv[2].split(",")], sys.argv[3].split() if len(sys.argv) > 3 else None))
    except Bad as bad:
        sys.exit(str(bad))
