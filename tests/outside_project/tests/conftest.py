import pytest
from small_ingest import Ingest


@pytest.fixture
def ingest(broker, ingest_keys):
    """Our ingest, at the test's broker, with the test's keys."""
    ours = Ingest(broker.host, broker.port, ingest_keys.reader, ingest_keys.signer, ingest_keys.note)
    yield ours
    ours.close()
