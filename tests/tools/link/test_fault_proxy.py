"""The faulty line between a board's port and a session."""

from tests.support.descriptors import many_files
from tests.support.link_line import CLEAN, Line
from tests.support.waiting import PATIENCE
from tools.link.fault_proxy import FaultProxy
from tools.link.transport import SerialTransport


def test_it_works_on_a_descriptor_that_select_cannot_take():
    """As in a program with hundreds of boards."""
    with many_files(), FaultProxy(Line().transport(), CLEAN, CLEAN) as proxy:
        port = SerialTransport(proxy.port)
        assert port.read(PATIENCE)  # the board's greeting
        port.close()
