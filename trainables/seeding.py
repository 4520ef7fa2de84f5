"""The seed of the random generator for a seed and a purpose. In a file of its own, free of torch."""

import hashlib

# torch's CPU generator (mt19937) uses the low 32 bits of its seed only. Steps of one stream are consecutive
# from a hashed base, so within a stream they never collide before 2^32 steps.
MODULUS = 2**32


def digest(seed: int, purpose: str) -> bytes:
    """8 bytes that are other ones for every seed and purpose."""
    return hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=8).digest()


def base_of(seed: int, purpose: str) -> int:
    """The seed of the generator for the first step; those of the steps after it follow, modulo MODULUS."""
    return int.from_bytes(digest(seed, purpose), "little") % MODULUS
