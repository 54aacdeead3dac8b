#include "adc.h"

#include <cstddef>

#include "boot.h"
#include "clock.h"
#include "handlers.h"
#include "semihosting.h"
#include "timers.h"

namespace {

// Written by tools/boards/adc.py.
struct Header {
    std::uint32_t magic;
    std::uint32_t channels;
    std::uint32_t frames;
    std::uint32_t speed;
};

static_assert(sizeof(Header) == 16, "tools/boards/adc.py writes four words");

constexpr std::uint32_t kMagic = 0x43444156;  // "VADC"
constexpr std::uint32_t kValues = 256;        // values per read from the host
constexpr unsigned kMostChannels = kValues - 1;

emulated::HostFile file;
Header header;
std::int16_t values[kValues];  // whole frames from `first_kept` on
std::uint32_t first_kept;
std::uint32_t kept;
volatile std::uint32_t next;
volatile bool over;
void (*give)(const std::int16_t*);

std::uint32_t per_frame() {
    return header.channels + 1;
}

// Returns a frame's values; null after the end of the recording, or if the host cannot read it.
const std::int16_t* frame(std::uint32_t number) {
    if (number >= header.frames) {
        return nullptr;
    }
    if (number < first_kept || number - first_kept >= kept) {
        const std::uint32_t most = kValues / per_frame();
        const std::uint32_t left = header.frames - number;
        const std::uint32_t size = 2 * per_frame();
        kept = 0;
        const std::uint32_t wanted = left < most ? left : most;
        if (!file.read(sizeof(Header) + number * size, values, wanted * size)) {
            return nullptr;
        }
        first_kept = number;
        kept = wanted;
    }
    return values + std::size_t{number - first_kept} * per_frame();
}

}  // namespace

extern "C" void Sampling_Handler(void) {
    const std::uint32_t start = emulated::clock_reading();
    emulated::clear_sampling();
    const std::int16_t* const now = frame(next);
    if (now == nullptr) {
        emulated::stop_sampling();
        over = true;
    } else {
        next = next + 1;
        give(now[header.channels] != 0 ? nullptr : now);
    }
    emulated::handler_done(start);
}

bool emulated_adc_begin(unsigned channels) {
    if (!file.is_open()) {
        char path[64];
        const std::size_t length = emulated::command_line("adc=", path, sizeof(path));
        if (length == 0 || !file.open(path, static_cast<std::uint32_t>(length)) ||
            !file.read(0, &header, sizeof(header))) {
            header.magic = 0;
        }
    }
    return header.magic == kMagic && header.channels == channels && channels > 0 &&
           channels <= kMostChannels && header.speed > 0;
}

void emulated_adc_start(float rate_hz, std::uint64_t first,
                        void (*tick)(const std::int16_t* values)) {
    emulated_adc_stop();
    next = first < header.frames ? static_cast<std::uint32_t>(first) : header.frames;
    kept = 0;
    over = false;
    give = tick;
    emulated::start_sampling(rate_hz * static_cast<float>(header.speed));
}

void emulated_adc_stop(void) {
    emulated::stop_sampling();
    emulated::clear_sampling();
}

std::int16_t emulated_adc_read(void) {
    const std::int16_t* const now = frame(next);
    if (now == nullptr) {
        return 0;
    }
    next = next + 1;
    return *now;
}

bool emulated_adc_ended(void) {
    return over;
}
