"""A board that samples its sensor, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.link_sensor import HOP, WINDOW, sensor_board
from tests.support.link_talk import Talk, of
from tools.link import messages as m
from tools.link.messages import LostReason, SensorState


def test_a_repeated_sampling_start_changes_nothing():
    talk = Talk(sensor_board())
    talk.say(m.Hello(session=7))
    start = m.SamplingStart(9, 0, 0)
    (answer,) = of(m.Sampling, talk.say(start))
    assert (answer.stream, answer.state, answer.taken) == (9, SensorState.RUNNING, 0)
    talk.tick(10)
    (answer,) = of(m.Sampling, talk.say(start))
    assert (answer.stream, answer.taken) == (9, 10)
    (answer,) = of(m.Sampling, talk.say(m.SamplingStop()))
    assert answer.state == SensorState.STOPPED
    assert talk.board.tick([1]) is False
    talk.board.sensor(over=True)
    talk.say(m.SamplingStart(10, 0, 0))
    (answer,) = of(m.Sampling, talk.say(m.SamplingGet()))
    assert answer.state == SensorState.ENDED


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (m.SamplingStart(0, 0, 0), m.ErrorCode.BAD_VALUE),
        (m.SamplingStart(1, 2**53 + 1, 0), m.ErrorCode.BAD_VALUE),
        (m.SamplingStart(1, 0, 1), m.ErrorCode.BAD_VALUE),
        (m.SampledAck(0, 0), m.ErrorCode.NO_STREAM),
        (m.Watch(16), m.ErrorCode.BAD_VALUE),
    ],
)
def test_what_the_board_refuses(message: m.Message, code: m.ErrorCode):
    talk = Talk(sensor_board())
    talk.say(m.Hello(session=7))
    (error,) = of(m.Error, talk.say(message))
    assert (error.code, error.type) == (code, message.TYPE)


def test_a_sensor_that_cannot_be_started_is_stopped_and_the_stream_stays():
    talk = Talk(sensor_board()).open()
    talk.say(m.SamplingStart(9, 0, 0))
    talk.tick(WINDOW)
    talk.board.sensor(answers=False)
    (error,) = of(m.Error, talk.say(m.SamplingStart(10, 0, 0)))
    assert (error.code, error.detail) == (m.ErrorCode.NO_SENSOR, SensorState.FAILED)
    assert talk.board.tick([1]) is False
    (answer,) = of(m.Sampling, talk.say(m.SamplingGet()))
    assert (answer.stream, answer.state) == (9, SensorState.FAILED)


def test_samples_of_host_and_sensor_do_not_mix():
    talk = Talk(sensor_board())
    talk.say(m.Hello(session=7))
    talk.say(m.SamplingStart(9, 0, 0))
    talk.tick(5)
    for message in (m.Samples(5, b"\1\0"), m.Skip(10)):
        (error,) = of(m.Error, talk.say(message))
        assert error.code == m.ErrorCode.NO_STREAM
    (error,) = of(m.Error, talk.say(m.SampledAck(6, 0)))
    assert error.code == m.ErrorCode.BAD_VALUE
    talk.say(m.Restart(3, 0, 0))  # a host that streams takes over, and the sensor stops
    assert talk.board.tick([1]) is False
    (ack,) = of(m.Ack, talk.say(m.Samples(0, b"\1\0")))
    assert (ack.stream, ack.next_sample) == (3, 1)


def test_samples_gather_in_frames_and_are_kept_until_acknowledged():
    talk = Talk(sensor_board())
    talk.say(m.Hello(session=7))
    talk.say(m.Watch(m.WATCH_SAMPLES))
    talk.say(m.SamplingStart(9, 0, 0))
    frames = of(m.Sampled, talk.tick(200))
    assert 3 <= len(frames) <= 6  # 40 ms of samples each
    counts = b"".join(f.counts for f in frames)
    assert len(counts) == 2 * 96  # no more are kept, and the rest is lost to the chain as well
    assert all(f.why == LostReason.OVERRUN for f in frames if f.skipped)
    again = of(m.Sampled, talk.say(m.SampledAck(0, 1)) + talk.wait(50_000))
    assert b"".join(f.counts for f in again) == counts
    taken = max(f.sample for f in again)
    talk.say(m.SampledAck(taken, 0))
    talk.say(m.ReportAck(max(x.window for x in of(m.Score, talk.say(m.ReportAck(0, 1)))) + 1, 0))
    (gap,) = of(m.Sampled, talk.tick(1) + talk.wait(50_000))
    assert (gap.sample, gap.skipped, gap.why) == (200, 200 - taken, LostReason.OVERRUN)
    # A host that requests discarded samples receives a gap.
    (gone, *_) = of(m.Sampled, talk.say(m.SampledAck(0, 1)) + talk.wait(50_000))
    assert gone.sample - gone.skipped == 0 and gone.skipped >= taken


def test_without_a_host_sampling_continues_and_losses_are_reported_later():
    talk = Talk(sensor_board())
    assert talk.board.start_sampling()
    talk.tick(1000)
    windows = (1000 - WINDOW) // HOP + 1
    said = talk.say(m.Hello(session=7)) + talk.wait(0)
    (hello,) = of(m.HelloReply, said)
    assert (hello.stream, hello.next_sample, hello.next_window) == (1, 1000, 0)
    scores = of(m.Score, said)
    assert [s.window for s in scores] == list(range(8))  # so many reports are kept
    talk.say(m.ReportAck(8, 0))
    later = talk.tick(30)
    (lost,) = of(m.Lost, later)
    assert (lost.window, lost.reason) == (8, LostReason.OVERRUN)
    assert lost.window + lost.count == windows
    assert [s.window for s in of(m.Score, later)] == [windows, windows + 1]
    (state,) = of(m.Sampling, talk.say(m.SamplingGet()))
    assert state.overruns == 0


@pytest.mark.parametrize("seed", range(8))
def test_under_arbitrary_messages_every_sample_is_what_was_measured(seed: int):
    """Arbitrary messages with leads on and off cause no undefined behaviour (the sanitizer would
    end this process), and no sample has another index.
    """
    random = np.random.default_rng(seed)
    talk = Talk(sensor_board())
    stream = at = 0
    seen = 0

    def check(said: list[m.Message]) -> None:
        nonlocal seen
        for message in of(m.Sampled, said):
            counts = np.frombuffer(message.counts, "<i2").tolist()
            assert counts == [(message.sample + i) % 30000 for i in range(len(counts))]
            seen += len(counts)

    for turn in range(400):
        near = int(max(at + random.integers(-300, 20), 0))
        often: list[m.Message] = [
            m.Watch(int(random.integers(16)) | m.WATCH_SAMPLES),
            m.SamplingGet(),
            m.SampledAck(near, int(random.integers(2))),
            m.SampledAck(int(random.integers(2**62)), 1),
            m.ReportAck(near // HOP, int(random.integers(2))),
            m.Samples(near, b"\1\0" * 5),
        ]
        seldom: list[m.Message] = [
            m.SamplingStart(int(random.integers(1, 9)), int(random.integers(2**40)), 0),
            m.Hello(session=int(random.integers(9))),
            m.Watch(int(random.integers(16))),
            m.SamplingStop(),
            m.Goodbye(),
            m.Restart(9, near, 0),
        ]
        choice = seldom[turn // 20 % 2 if random.random() < 0.7 else int(random.integers(6))]
        message = choice if turn % 20 < 2 else often[int(random.integers(len(often)))]
        said = talk.say(message)
        if isinstance(message, m.SamplingStart) and of(m.Sampling, said):
            began = message.stream != stream
            stream, at = message.stream, message.sample if began else at
        if isinstance(message, m.Restart) and not of(m.Error, said):
            stream = 0
        check(said)
        for _ in range(int(random.integers(40))):
            off = random.random() < 0.02
            at += talk.board.tick(None if off else [at % 30000])
            if random.random() < 0.5:
                check(talk.wait(1000))
    assert seen > 100


def test_a_sample_index_beyond_32_bits():
    """The ring counts ticks in 32 bits; a request for the start must not return the end."""
    start = 2**33
    talk = Talk(sensor_board())
    talk.say(m.Hello(session=7))
    talk.say(m.Watch(m.WATCH_SAMPLES))
    talk.say(m.SamplingStart(9, start, 0))
    frames = of(m.Sampled, talk.tick(50) + talk.wait(50_000))
    assert frames[0].sample == start and not any(f.skipped for f in frames)
    talk.say(m.SampledAck(start + 50, 0))
    talk.tick(10)
    said = of(m.Sampled, talk.say(m.SampledAck(0, 1)) + talk.wait(50_000) + talk.wait(50_000))
    said += of(m.Sampled, talk.wait(50_000) + talk.wait(50_000))
    assert sum(f.skipped for f in said) == start + 50
    (last,) = [f for f in said if f.counts]
    assert (last.sample, len(last.counts)) == (start + 50, 20)
