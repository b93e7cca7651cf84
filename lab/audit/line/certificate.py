"""The certificate that a client shows in TLS 1.3 (RFC 8446 section 4.4.2), where a chain could be long."""

from itertools import pairwise

from cryptography import x509

from lab.audit.line.cursor import Cursor
from lab.audit.line.nonsense import Nonsense

_MOST_BYTES, _MOST = 8192, 3


def fault(body: bytes) -> str:
    """What is wrong with the body of a client's Certificate: it is a short chain, each issued by the next,
    and nothing beside. Raises Nonsense.
    """
    cursor = Cursor(body, "a certificate")
    context, chain = cursor.vector(1), Cursor(cursor.vector(3), "a certificate")
    cursor.end()
    shown: list[x509.Certificate] = []
    while chain.left:
        data, extensions = chain.vector(3), chain.vector(2)
        if extensions:
            return f"{len(extensions)} bytes beside a certificate"
        try:
            shown.append(x509.load_der_x509_certificate(data))
        except ValueError as error:
            raise Nonsense("a certificate that is none") from error
    if context or len(shown) > _MOST or len(body) > _MOST_BYTES:
        return f"{len(body)} bytes of certificates, more than a client shows"
    if any(one.issuer != after.subject for one, after in pairwise(shown)):
        return "a certificate that issued none of the others"
    return ""
