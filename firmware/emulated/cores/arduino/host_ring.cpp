#include "host_ring.h"

#include "boot.h"

namespace emulated {
namespace {

// tools/boards/serial_bridge.py has the same layout.
constexpr std::uint32_t kPutOffset = 0;
constexpr std::uint32_t kTakenOffset = 4;
constexpr std::uint32_t kRingOffset = 8;
constexpr std::uint32_t kRingBytes = 4096;

std::uint32_t least(std::uint32_t a, std::uint32_t b) {
    return a < b ? a : b;
}

}  // namespace

void HostRing::open() {
    char path[64];
    const std::size_t length = command_line("serial=", path, sizeof(path));
    if (length > 0 && file_.open(path, length)) {
        file_.read(kTakenOffset, &taken_, sizeof(taken_));
    }
}

std::uint32_t HostRing::read(std::uint8_t* bytes, std::uint32_t size) {
    std::uint32_t put = taken_;
    if (!file_.read(kPutOffset, &put, sizeof(put))) {
        return 0;
    }
    const std::uint32_t start = taken_ % kRingBytes;
    const std::uint32_t count = least(least(size, put - taken_), kRingBytes - start);
    if (count == 0 || !file_.read(kRingOffset + start, bytes, count)) {
        return 0;
    }
    taken_ += count;
    file_.write(kTakenOffset, &taken_, sizeof(taken_));
    return count;
}

}  // namespace emulated
