// Every message of the link, field by field in the order of docs/link.md.
//
// Each names its fields once, in fields(): in the order of the struct, of which the layout on the
// wire is made. Spans that decode() fills point into the payload and are good as long as it is.
#pragma once

#include <cstdint>

#include "span.h"
#include "wire_layout.h"

namespace vigil::link {

constexpr std::uint8_t kProtocol = 1;        // the version this code speaks
constexpr std::uint8_t kOldestProtocol = 1;  // and the oldest that it still understands

enum class Type : std::uint8_t {
    // Host to board.
    hello = 0x01,
    goodbye = 0x02,
    restart = 0x03,
    samples = 0x04,
    skip = 0x05,
    report_ack = 0x06,
    watch = 0x07,
    statistics_get = 0x08,
    threshold_get = 0x09,
    threshold_set = 0x0A,
    boot_get = 0x0B,
    reboot = 0x0C,
    sampling_start = 0x0D,
    sampling_stop = 0x0E,
    sampling_get = 0x0F,
    sampled_ack = 0x10,
    // Board to host.
    hello_reply = 0x81,
    goodbye_reply = 0x82,
    ack = 0x83,
    score = 0x84,
    lost = 0x85,
    window = 0x86,
    statistics = 0x88,
    threshold = 0x89,
    boot_report = 0x8B,
    sampled = 0x8C,
    sampling = 0x8D,
    error = 0x8F,
};

enum class ErrorCode : std::uint8_t {
    version = 1,       // no protocol version in common; detail: newest << 8 | oldest of the board
    closed = 2,        // a message before HELLO, or after the board forgot the session
    unknown_type = 3,  // a type this version does not have; detail: the type
    bad_length = 4,    // the payload is too short or too long for its type; detail: its length
    bad_value = 5,     // a field holds what it must not
    no_stream = 6,     // samples before RESTART, or while the board samples itself
    no_sensor = 7,     // SAMPLING_START on a board without one, or whose sensor does not answer
};

// Why the board sends an ACK.
enum class AckReason : std::uint8_t {
    progress = 0,  // everything is in order
    gap = 1,       // samples after next_sample came: those from next_sample on are missing
    damaged = 2,   // something came that was no frame
    full = 3,      // samples were left because no more reports can be kept: acknowledge some
};

enum class LostReason : std::uint8_t {
    gap = 0,       // samples of these windows were never sent
    engine = 1,    // the engine failed on this window
    overrun = 2,   // nowhere to keep the report, or the samples that the board took itself
    lead_off = 3,  // the sensor's leads were off
};

// Of the board's own sensor.
enum class SensorState : std::uint8_t {
    absent = 0,    // this image, or this board, has none
    stopped = 1,   // it does not sample
    running = 2,   // it does
    lead_off = 3,  // it does, but its leads are off
    ended = 4,     // a recording that is played to it is at its end
    failed = 5,    // it does not answer
};

// Bits of WATCH, and of Score.flags beside kAnomaly.
constexpr std::uint8_t kWatchInput = 2;
constexpr std::uint8_t kWatchOutput = 4;
constexpr std::uint8_t kWatchSamples = 8;  // of WATCH alone: what the board samples itself
constexpr std::uint8_t kWatchWindows = kWatchInput | kWatchOutput;
constexpr std::uint8_t kWatchAll = kWatchWindows | kWatchSamples;
constexpr std::uint8_t kAnomaly = 1;

struct Empty {
    static constexpr bool kMayGrow = false;
    template <typename Archive, typename Self>
    static constexpr void fields(Archive&, Self&) {}
};

struct Hello {
    static constexpr Type kType = Type::hello;
    static constexpr bool kMayGrow = true;
    std::uint8_t protocol = 0;  // newest version the host speaks
    std::uint8_t oldest = 0;    // oldest that it still understands
    std::uint32_t session = 0;  // a number the host has not used before
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.protocol), a(m.oldest), a(m.session);
    }
};

struct Goodbye : Empty {
    static constexpr Type kType = Type::goodbye;
};

struct Restart {
    static constexpr Type kType = Type::restart;
    static constexpr bool kMayGrow = false;
    std::uint32_t stream = 0;  // not 0: which recording or sensor the samples are of
    std::uint64_t sample = 0;  // absolute index of the next sample
    std::uint64_t window = 0;  // the first window to report
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.stream), a(m.sample), a(m.window);
    }
};

struct Samples {
    static constexpr Type kType = Type::samples;
    static constexpr bool kMayGrow = false;
    std::uint64_t sample = 0;         // absolute index of the first
    Span<const std::uint8_t> counts;  // int16, channels interleaved, whole samples
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.sample), a(m.counts);
    }
};

struct Skip {
    static constexpr Type kType = Type::skip;
    static constexpr bool kMayGrow = false;
    std::uint64_t sample = 0;  // samples before this one that did not come never will
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.sample);
    }
};

struct ReportAck {
    static constexpr Type kType = Type::report_ack;
    static constexpr bool kMayGrow = false;
    std::uint64_t window = 0;  // the reports of all windows before this one have come
    std::uint8_t resend = 0;   // 1: send again what is kept from this window on
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.window), a(m.resend);
    }
};

struct Watch {
    static constexpr Type kType = Type::watch;
    static constexpr bool kMayGrow = false;
    std::uint8_t mask = 0;  // kWatchInput, kWatchOutput, kWatchSamples
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.mask);
    }
};

struct StatisticsGet : Empty {
    static constexpr Type kType = Type::statistics_get;
};

struct ThresholdGet : Empty {
    static constexpr Type kType = Type::threshold_get;
};

struct ThresholdSet {
    static constexpr Type kType = Type::threshold_set;
    static constexpr bool kMayGrow = false;
    float value = 0;
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.value);
    }
};

struct BootGet : Empty {
    static constexpr Type kType = Type::boot_get;
};

struct Reboot : Empty {
    static constexpr Type kType = Type::reboot;
};

struct SamplingStart {
    static constexpr Type kType = Type::sampling_start;
    static constexpr bool kMayGrow = false;
    std::uint32_t stream = 0;  // not 0: a number for this recording of the board's own sensor
    std::uint64_t sample = 0;  // absolute index of its first sample
    std::uint64_t window = 0;  // the first window to report
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.stream), a(m.sample), a(m.window);
    }
};

struct SamplingStop : Empty {
    static constexpr Type kType = Type::sampling_stop;
};

struct SamplingGet : Empty {
    static constexpr Type kType = Type::sampling_get;
};

struct SampledAck {
    static constexpr Type kType = Type::sampled_ack;
    static constexpr bool kMayGrow = false;
    std::uint64_t sample = 0;  // all samples before this one have come, or are known to be lost
    std::uint8_t resend = 0;   // 1: send again from this sample on
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.sample), a(m.resend);
    }
};

struct HelloReply {
    static constexpr Type kType = Type::hello_reply;
    static constexpr bool kMayGrow = true;
    std::uint8_t protocol = 0;      // the version both speak from now on
    std::uint8_t oldest = 0;        // oldest that the board understands
    std::uint32_t session = 0;      // as in HELLO
    std::uint32_t boot = 0;         // another number after every reset, as far as the board can
    std::uint32_t stream = 0;       // 0: none since the reset
    std::uint64_t next_sample = 0;  // absolute index of the sample that it waits for
    std::uint64_t next_window = 0;  // the first window whose report is not acknowledged
    std::uint32_t window = 0;       // samples
    std::uint32_t hop = 0;          // samples
    std::uint8_t channels = 0;      //
    std::uint16_t max_payload = 0;  // bytes
    std::uint16_t credit = 0;       // bytes on the wire that may be under way to the board
    std::uint16_t reports = 0;      // reports that it keeps until they are acknowledged
    float rate = 0;                 // samples per second; 0: not taken at equal times
    float threshold = 0;
    std::uint8_t model_hash[8] = {};  // first 8 bytes of the SHA-256 of manifest.json
    std::uint8_t version[3] = {};     // of the firmware: major, minor, patch
    Span<const char> board;
    Span<const char> engine;
    Span<const char> model;
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.protocol), a(m.oldest), a(m.session), a(m.boot), a(m.stream), a(m.next_sample);
        a(m.next_window), a(m.window), a(m.hop), a(m.channels), a(m.max_payload), a(m.credit);
        a(m.reports), a(m.rate), a(m.threshold), a(m.model_hash), a(m.version), a(m.board);
        a(m.engine), a(m.model);
    }
};

struct GoodbyeReply : Empty {
    static constexpr Type kType = Type::goodbye_reply;
};

struct Ack {
    static constexpr Type kType = Type::ack;
    static constexpr bool kMayGrow = false;
    std::uint64_t next_sample = 0;  // all samples before this one have been taken
    std::uint64_t next_window = 0;  // the first window whose report is not acknowledged
    std::uint32_t stream = 0;
    std::uint16_t room = 0;  // windows that may become complete before more must be acknowledged
    std::uint8_t watch = 0;  // the mask in force
    std::uint8_t heard =
        0;  // sequence of the last good frame from the host: all before it are read
    std::uint8_t reason = 0;  // AckReason
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.next_sample), a(m.next_window), a(m.stream), a(m.room), a(m.watch), a(m.heard);
        a(m.reason);
    }
};

struct Score {
    static constexpr Type kType = Type::score;
    static constexpr bool kMayGrow = false;
    std::uint64_t window = 0;  // absolute index
    float score = 0;
    std::uint32_t microseconds = 0;  // scale, engine and score together
    std::uint8_t flags = 0;  // kAnomaly; kWatchInput, kWatchOutput: WINDOW frames came before
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.window), a(m.score), a(m.microseconds), a(m.flags);
    }
};

struct Lost {
    static constexpr Type kType = Type::lost;
    static constexpr bool kMayGrow = false;
    std::uint64_t window = 0;  // the first
    std::uint64_t count = 0;   // 1 or more
    std::uint8_t reason = 0;   // LostReason
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.window), a(m.count), a(m.reason);
    }
};

struct WindowPart {
    static constexpr Type kType = Type::window;
    static constexpr bool kMayGrow = false;
    std::uint64_t window = 0;
    std::uint8_t which = 0;         // kWatchInput or kWatchOutput
    std::uint32_t offset = 0;       // of the first byte within the window
    Span<const std::uint8_t> data;  // int8
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.window), a(m.which), a(m.offset), a(m.data);
    }
};

// Counts since the reset, modulo 2^32.
struct Statistics {
    static constexpr Type kType = Type::statistics;
    static constexpr bool kMayGrow = true;
    std::uint32_t received = 0;          // good frames
    std::uint32_t repeated = 0;          // frames that had come before, left unread
    std::uint32_t corrupt = 0;           // noise, text, frames with an error
    std::uint32_t missing = 0;           // frames that the sequence numbers say were sent
    std::uint32_t refused = 0;           // good frames answered by ERROR
    std::uint32_t sent = 0;              // frames
    std::uint32_t resent = 0;            // of which reports sent before
    std::uint32_t samples = 0;           // samples taken
    std::uint32_t samples_repeated = 0;  // samples that had been taken before
    std::uint32_t samples_skipped = 0;   // samples that the host said never come
    std::uint32_t windows = 0;           // scored
    std::uint32_t anomalies = 0;         // of which flagged
    std::uint32_t lost = 0;              // windows lost
    std::uint32_t overruns = 0;          // bytes, samples or reports that found no place
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.received), a(m.repeated), a(m.corrupt), a(m.missing), a(m.refused), a(m.sent);
        a(m.resent), a(m.samples), a(m.samples_repeated), a(m.samples_skipped), a(m.windows);
        a(m.anomalies), a(m.lost), a(m.overruns);
    }
};

struct Threshold {
    static constexpr Type kType = Type::threshold;
    static constexpr bool kMayGrow = false;
    float value = 0;
    std::uint64_t window = 0;  // the first window that is judged by it
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.value), a(m.window);
    }
};

enum class Cache : std::uint8_t { off = 0, on = 1, none = 2 };

enum class TickUnit : std::uint8_t { microseconds = 0, cycles = 1, emulated_instructions = 2 };

struct BootReport {
    static constexpr Type kType = Type::boot_report;
    static constexpr bool kMayGrow = true;
    std::uint16_t golden_passed = 0;  // windows with every byte and the score right
    std::uint16_t golden_total = 0;
    std::uint32_t model_bytes = 0;
    std::uint32_t arena_used = 0;    // bytes
    std::uint32_t arena_size = 0;    // bytes
    std::uint32_t stack_used = 0;    // bytes, high-water mark
    std::uint32_t stack_size = 0;    // bytes
    std::uint32_t ticks = 0;         // per inference
    std::uint32_t microseconds = 0;  // per inference
    std::uint8_t tick_unit = 0;      // TickUnit
    std::uint8_t cache = 0;          // Cache
    std::uint8_t engine_status = 0;  // engine::Status of begin()
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.golden_passed), a(m.golden_total), a(m.model_bytes), a(m.arena_used), a(m.arena_size);
        a(m.stack_used), a(m.stack_size), a(m.ticks), a(m.microseconds), a(m.tick_unit);
        a(m.cache), a(m.engine_status);
    }
};

struct Sampled {
    static constexpr Type kType = Type::sampled;
    static constexpr bool kMayGrow = false;
    std::uint64_t sample = 0;         // absolute index of the first
    std::uint32_t skipped = 0;        // so many before it were not taken and never will be
    std::uint8_t why = 0;             // LostReason of those
    Span<const std::uint8_t> counts;  // int16, channels interleaved, whole samples, or none
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.sample), a(m.skipped), a(m.why), a(m.counts);
    }
};

// Of the board's own sensor. Counts are since SAMPLING_START, modulo 2^32.
struct Sampling {
    static constexpr Type kType = Type::sampling;
    static constexpr bool kMayGrow = true;
    std::uint32_t stream = 0;    // that it samples, or sampled last; 0: none
    std::uint8_t state = 0;      // SensorState
    std::uint32_t taken = 0;     // samples taken
    std::uint32_t lead_off = 0;  // sample times at which the leads were off
    std::uint32_t overruns = 0;  // samples that found no place
    Span<const char> sensor;     // its name
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.stream), a(m.state), a(m.taken), a(m.lead_off), a(m.overruns), a(m.sensor);
    }
};

struct Error {
    static constexpr Type kType = Type::error;
    static constexpr bool kMayGrow = true;
    std::uint8_t code = 0;  // ErrorCode
    std::uint8_t type = 0;  // of the frame that it answers
    std::uint32_t detail = 0;
    template <typename Archive, typename Self>
    static constexpr void fields(Archive& a, Self& m) {
        a(m.code), a(m.type), a(m.detail);
    }
};

// False when the payload is too short, or longer than the message can be.
template <typename Message>
bool decode(Span<const std::uint8_t> payload, Message& message) {
    static_assert(std::is_trivially_copyable_v<Message> && std::is_standard_layout_v<Message>);
    const std::size_t size = read_fields(LayoutOf<Message>::kCodes.codes, &message, payload);
    return Message::kMayGrow ? size <= payload.size() : size == payload.size();
}

// The number of bytes written, more than payload.size() when they do not fit.
template <typename Message>
std::size_t encode(const Message& message, Span<std::uint8_t> payload) {
    static_assert(std::is_trivially_copyable_v<Message> && std::is_standard_layout_v<Message>);
    return write_fields(LayoutOf<Message>::kCodes.codes, &message, payload);
}

}  // namespace vigil::link
