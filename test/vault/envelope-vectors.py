#!/usr/bin/env python3
"""A second implementation of Envelope v1, written from its description (docs/envelope.md) and not from Letterlock's code.

    envelope-vectors.py           prints the test vectors as JSON
    envelope-vectors.py open      reads [{"key", "place", "envelope"}, ...] as JSON from stdin and prints how opening each of them ends

It needs nothing but Python's standard library, so AES-256-GCM is written out below. It is slow, and its run time depends on the
secrets: it is here to compare with, not to be used.
"""

import hashlib
import hmac
import json
import struct
import sys

# ---------------------------------------------------------------------------------------------------------------------
# AES-256 (FIPS 197), encryption only


def build_sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p = (p ^ (p << 1) ^ (0x1B if p & 0x80 else 0)) & 0xFF  # times 3
        q ^= q << 1  # divided by 3
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        rotated = [((q << n) | (q >> (8 - n))) & 0xFF for n in (1, 2, 3, 4)]
        box[p] = q ^ rotated[0] ^ rotated[1] ^ rotated[2] ^ rotated[3] ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


SBOX = build_sbox()


def times2(x):
    return ((x << 1) ^ (0x1B if x & 0x80 else 0)) & 0xFF


def expand_key(key):
    """The 15 round keys of a key of 32 bytes."""
    words = [list(key[i : i + 4]) for i in range(0, 32, 4)]
    rcon = 1
    for i in range(8, 60):
        word = list(words[i - 1])
        if i % 8 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = times2(rcon)
        elif i % 8 == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word)])
    return [sum(words[i : i + 4], []) for i in range(0, 60, 4)]


def encrypt_block(round_keys, block):
    state = [a ^ b for a, b in zip(block, round_keys[0])]
    for number, round_key in enumerate(round_keys[1:], 1):
        state = [SBOX[b] for b in state]
        state = [state[(i + 4 * (i % 4)) % 16] for i in range(16)]  # the rows are shifted; a column is four bytes
        if number < 14:
            mixed = []
            for i in range(0, 16, 4):
                a, b, c, d = state[i : i + 4]
                mixed += [
                    times2(a) ^ times2(b) ^ b ^ c ^ d,
                    a ^ times2(b) ^ times2(c) ^ c ^ d,
                    a ^ b ^ times2(c) ^ times2(d) ^ d,
                    times2(a) ^ a ^ b ^ c ^ times2(d),
                ]
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


# ---------------------------------------------------------------------------------------------------------------------
# GCM (NIST SP 800-38D) with a nonce of 12 bytes and a tag of 16


def multiply(x, y):
    """In GF(2^128), the first bit of a block being its highest."""
    product = 0
    for bit in range(127, -1, -1):
        if (x >> bit) & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


def ghash(h, aad, ciphertext):
    y = 0
    lengths = struct.pack(">QQ", 8 * len(aad), 8 * len(ciphertext))
    for data in (aad, ciphertext, lengths):
        for i in range(0, len(data), 16):
            y = multiply(y ^ int.from_bytes(data[i : i + 16].ljust(16, b"\0"), "big"), h)
    return y


def counter_mode(round_keys, nonce, data, first):
    out = bytearray()
    for i in range(0, len(data), 16):
        stream = encrypt_block(round_keys, nonce + struct.pack(">I", first + i // 16))
        out += bytes(a ^ b for a, b in zip(data[i : i + 16], stream))
    return bytes(out)


def gcm_tag(round_keys, nonce, aad, ciphertext):
    h = int.from_bytes(encrypt_block(round_keys, bytes(16)), "big")
    return counter_mode(round_keys, nonce, ghash(h, aad, ciphertext).to_bytes(16, "big"), 1)


def gcm_encrypt(key, nonce, aad, plaintext):
    round_keys = expand_key(key)
    ciphertext = counter_mode(round_keys, nonce, plaintext, 2)
    return ciphertext, gcm_tag(round_keys, nonce, aad, ciphertext)


def gcm_decrypt(key, nonce, aad, ciphertext, tag):
    """None where the tag does not fit."""
    round_keys = expand_key(key)
    if not hmac.compare_digest(gcm_tag(round_keys, nonce, aad, ciphertext), tag):
        return None
    return counter_mode(round_keys, nonce, ciphertext, 2)


# ---------------------------------------------------------------------------------------------------------------------
# HKDF-SHA-256 (RFC 5869)


def hkdf(key, salt, info, length):
    prk = hmac.new(salt or bytes(32), key, hashlib.sha256).digest()
    out, block, number = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([number]), hashlib.sha256).digest()
        out, number = out + block, number + 1
    return out[:length]


def check_primitives():
    """Test case 16 of McGrew and Viega's description of GCM, the example of FIPS 197, C.3, and case 1 of RFC 5869."""
    unhex = bytes.fromhex
    block = encrypt_block(expand_key(bytes(range(32))), unhex("00112233445566778899aabbccddeeff"))
    assert block == unhex("8ea2b7ca516745bfeafc49904b496089")
    key = unhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = unhex("cafebabefacedbaddecaf888")
    aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plaintext = unhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    ciphertext = unhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    )
    tag = unhex("76fc6ece0f4e1768cddf8853bb2d551b")
    assert gcm_encrypt(key, nonce, aad, plaintext) == (ciphertext, tag)
    assert gcm_decrypt(key, nonce, aad, ciphertext, tag) == plaintext
    assert gcm_decrypt(key, nonce, aad, ciphertext, bytes(16)) is None
    okm = hkdf(b"\x0b" * 22, unhex("000102030405060708090a0b0c"), unhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert okm == unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


# ---------------------------------------------------------------------------------------------------------------------
# Envelope v1

VERSION = 1
MAX_SECRET = 3980
MAX_ENVELOPE = 4096


def lp(value):
    data = value if isinstance(value, bytes) else value.encode("utf-8")
    return struct.pack(">H", len(data)) + data


def key_id(key):
    return hkdf(key, b"", b"letterlock/v1/key-id", 8)


def derive(key, salt):
    okm = hkdf(key, salt, b"letterlock/v1/seal\0" + key_id(key), 60)
    return okm[:32], okm[32:44], okm[44:]


def place_bytes(place):
    if place["table"] == "encryption_keys":
        return lp("encryption_keys") + lp("canary") + lp(place["keyHex"])
    return lp("credentials") + lp(place["kind"]) + lp(str(place["accountId"]))


def host_name(host):
    host = host.lower()
    if host.endswith("."):
        host = host[:-1]
    return host if host.isascii() else host.encode("idna").decode("ascii")


def destination_bytes(destination):
    if destination is None:
        return bytes(16)
    ca = destination["caPem"]
    trust = "" if ca is None else hashlib.sha256(ca.encode("utf-8")).hexdigest()
    server = [
        host_name(destination["host"]),
        str(destination["port"]),
        destination["security"],
        destination["username"],
        trust,
    ]
    oauth = destination.get("oauth")
    parts = ["imap"] if oauth is None else ["oauth2", oauth["tokenEndpoint"], oauth["clientId"]]
    return hashlib.sha256(b"".join(map(lp, ["letterlock/v1/destination"] + parts + server))).digest()[:16]


def pad(body):
    return body + bytes(-len(body) % 32)


def seal_body(key, place, salt, body):
    aes_key, nonce, commitment = derive(key, salt)
    header = bytes([VERSION]) + key_id(key) + salt + commitment
    ciphertext, tag = gcm_encrypt(aes_key, nonce, header + place_bytes(place), body)
    return header + ciphertext + tag


def seal(key, place, destination16, secret, salt):
    assert len(secret) <= MAX_SECRET
    return seal_body(key, place, salt, pad(destination16 + lp(secret)))


def open_envelope(keys, place, envelope):
    """`keys`: those that are held. Returns how it ends, and what was found."""
    if envelope[:1] not in (b"", bytes([VERSION])):
        return {"end": "unsupported-version"}
    tampered = {"end": "tampered"}
    size = len(envelope) - 49 - 16
    if size < 32 or size % 32 != 0 or len(envelope) > MAX_ENVELOPE:
        return tampered
    named = envelope[1:9]
    key = next((key for key in keys if key_id(key) == named), None)
    if key is None:
        return {"end": "key-missing", "keyHex": named.hex()}
    aes_key, nonce, commitment = derive(key, envelope[9:33])
    if not hmac.compare_digest(commitment, envelope[33:49]):
        return tampered
    body = gcm_decrypt(aes_key, nonce, envelope[:49] + place_bytes(place), envelope[49:-16], envelope[-16:])
    if body is None:
        return tampered
    (length,) = struct.unpack(">H", body[16:18])
    secret = body[18 : 18 + length]
    if len(secret) != length or pad(body[:16] + lp(secret)) != body:
        return tampered
    return {"end": "ok", "secret": secret.hex(), "destination16": body[:16].hex()}


# ---------------------------------------------------------------------------------------------------------------------
# Vectors

KEY = bytes(range(32))
OTHER_KEY = bytes(range(255, 223, -1))
CA = "-----BEGIN CERTIFICATE-----\nTGV0dGVybG9jaw==\n-----END CERTIFICATE-----\n"


def credential(kind="password", account=42):
    return {"table": "credentials", "kind": kind, "accountId": account}


def server(**change):
    plain = {
        "host": "imap.example.com",
        "port": 993,
        "security": "tls",
        "username": "support@example.com",
        "caPem": None,
        "oauth": None,
    }
    return {**plain, **change}


def text_of(length):
    """Text of so many bytes, no two neighbours of it alike."""
    return "".join(chr(33 + (7 * i) % 94) for i in range(length))


OAUTH = {"tokenEndpoint": "https://login.example.com/oauth2/v2.0/token", "clientId": "0f5e-letterlock"}

SEALED = [
    ("the worked example", credential(), server(), "correct horse"),
    ("an empty secret", credential(), server(), ""),
    ("one byte", credential(), server(), "x"),
    ("14 bytes: the largest secret of one block", credential(), server(), text_of(14)),
    ("15 bytes: a second block", credential(), server(), text_of(15)),
    ("45 bytes", credential(), server(), text_of(45)),
    ("46 bytes: two full blocks", credential(), server(), text_of(46)),
    ("47 bytes: a third block", credential(), server(), text_of(47)),
    ("500 bytes", credential(), server(), text_of(500)),
    ("3,980 bytes: the largest secret", credential(), server(), text_of(3980)),
    ("letters beyond ASCII", credential(), server(), "p\u00e4ssw\u00f6rd \u2603 \U0001f511"),
    ("a zero byte in the secret, and at its end", credential(), server(), "a\0b\0"),
    ("a large account id", credential(account=9007199254740991), server(), "correct horse"),
    ("a host in capitals", credential(), server(host="IMAP.Example.COM"), "correct horse"),
    ("a host with a trailing dot", credential(), server(host="imap.example.com."), "correct horse"),
    ("an internationalised host", credential(), server(host="imap.m\u00fcnchen.example"), "correct horse"),
    ("the same in capitals, with a dot", credential(), server(host="IMAP.M\u00dcNCHEN.Example."), "correct horse"),
    ("the same as an A-label", credential(), server(host="imap.xn--mnchen-3ya.example"), "correct horse"),
    ("an IPv4 address", credential(), server(host="192.0.2.1", port=143, security="cleartext"), "correct horse"),
    ("an IPv6 address", credential(), server(host="2001:DB8::1"), "correct horse"),
    ("starttls", credential(), server(port=143, security="starttls"), "correct horse"),
    ("a user name beyond ASCII, not folded", credential(), server(username="J\u00fcrgen"), "correct horse"),
    ("an own CA", credential(), server(caPem=CA), "correct horse"),
    ("an OAuth refresh token", credential("oauth-refresh-token"), server(oauth=OAUTH), "1//refresh"),
    ("an OAuth client secret", credential("oauth-client-secret"), server(oauth=OAUTH), "client~secret"),
    ("an OAuth secret and an own CA", credential("oauth-refresh-token"), server(oauth=OAUTH, caPem=CA), "1//refresh"),
    ("the canary", {"table": "encryption_keys", "keyHex": key_id(KEY).hex()}, None, "letterlock"),
]


def salt_of(name):
    """Fixed, so that the vectors are; a real salt is random."""
    if name == "the worked example":
        return bytes(range(0x40, 0x58))
    return hashlib.sha256(name.encode("utf-8")).digest()[:24]


def sealed_vector(name, place, destination, secret):
    salt, destination16 = salt_of(name), destination_bytes(destination)
    aes_key, nonce, commitment = derive(KEY, salt)
    envelope = seal(KEY, place, destination16, secret.encode("utf-8"), salt)
    assert open_envelope([KEY], place, envelope)["secret"] == secret.encode("utf-8").hex()
    return {
        "name": name,
        "place": place,
        "destination": destination,
        "destination16": destination16.hex(),
        "secret": secret.encode("utf-8").hex(),
        "salt": salt.hex(),
        "aesKey": aes_key.hex(),
        "nonce": nonce.hex(),
        "commitment": commitment.hex(),
        "aad": (envelope[:49] + place_bytes(place)).hex(),
        "envelope": envelope.hex(),
    }


def refused_vectors():
    """Envelopes that must not open, most of them with a tag that fits."""
    place, to = credential(), destination_bytes(server())
    body = pad(to + lp("correct horse"))

    def of_body(name, content):
        return {"name": name, "end": "tampered", "envelope": seal_body(KEY, place, salt_of(name), content).hex()}

    def changed(name, end, change):
        envelope = bytearray(seal_body(KEY, place, salt_of(name), body))
        return {"name": name, "end": end, "envelope": bytes(change(envelope)).hex()}

    def named(envelope, key):
        return envelope[:1] + key_id(key) + envelope[9:]

    return [
        of_body("padding that is not zero at its last byte", body[:-1] + b"\x01"),
        of_body("padding that is not zero at its first byte", to + lp("short") + b"\x01" + bytes(8)),
        of_body("a block of padding too many", body + bytes(32)),
        of_body("a length beyond the body", to + struct.pack(">H", 15) + body[18:]),
        of_body("the greatest length", to + b"\xff\xff" + body[18:]),
        of_body("a length that leaves a byte of the secret in the padding", to + struct.pack(">H", 12) + body[18:]),
        changed("version 2", "unsupported-version", lambda e: b"\x02" + e[1:]),
        changed("version 0", "unsupported-version", lambda e: b"\x00" + e[1:]),
        changed("version 2, cut short", "unsupported-version", lambda e: b"\x02" + e[1:5]),
        changed("the id of a key that is not held", "key-missing", lambda e: named(e, OTHER_KEY)),
        changed("a tag of 12 bytes", "tampered", lambda e: e[:-4]),
        changed("nothing", "tampered", lambda e: b""),
        {
            "name": "another row's",
            "end": "tampered",
            "envelope": seal(KEY, credential(account=43), to, b"correct horse", salt_of("another row's")).hex(),
        },
        {
            "name": "another kind's",
            "end": "tampered",
            "envelope": seal(
                KEY, credential("oauth-refresh-token"), to, b"correct horse", salt_of("another kind's")
            ).hex(),
        },
        {
            "name": "sealed under another key, with the id of this one",
            "end": "tampered",
            "envelope": named(seal(OTHER_KEY, place, to, b"correct horse", salt_of("another key")), KEY).hex(),
        },
    ]


def vectors():
    refused = refused_vectors()
    for vector in refused:
        assert open_envelope([KEY], credential(), bytes.fromhex(vector["envelope"]))["end"] == vector["end"]
    return {
        "key": KEY.hex(),
        "keyId": key_id(KEY).hex(),
        "sealed": [sealed_vector(*vector) for vector in SEALED],
        "refusedIn": credential(),
        "refused": refused,
    }


def opened(asked):
    return open_envelope([bytes.fromhex(asked["key"])], asked["place"], bytes.fromhex(asked["envelope"]))


def main(arguments):
    check_primitives()
    if arguments not in ([], ["open"]):
        sys.exit(__doc__)
    answer = [opened(asked) for asked in json.load(sys.stdin)] if arguments else vectors()
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
