#include "host_ring.h"

#include "boot.h"

namespace emulated {
namespace {

// Same layout as in tools/boards/serial_bridge.py.
constexpr std::uint32_t kPutOffset = 0;
constexpr std::uint32_t kTakenOffset = 8;
constexpr std::uint32_t kRingOffset = 16;
constexpr std::uint32_t kRingBytes = 4096;

// A count in the file. The two words disagree while the other side is writing it.
struct Count {
    std::uint32_t value;
    std::uint32_t inverse;
};
static_assert(sizeof(Count) == kTakenOffset - kPutOffset, "serial_bridge.py writes two words");
static_assert(sizeof(Count) == kRingOffset - kTakenOffset, "serial_bridge.py writes two words");

std::uint32_t least(std::uint32_t a, std::uint32_t b) {
    return a < b ? a : b;
}

}  // namespace

void HostRing::open() {
    char path[64];
    const std::size_t length = command_line("serial=", path, sizeof(path));
    Count taken{};
    if (length > 0 && file_.open(path, length) && file_.read(kTakenOffset, &taken, sizeof(taken))) {
        taken_ = taken.value;
    }
}

std::uint32_t HostRing::read(std::uint8_t* bytes, std::uint32_t size) {
    Count put{};
    do {
        if (!file_.read(kPutOffset, &put, sizeof(put))) {
            return 0;
        }
    } while (put.value != ~put.inverse);
    const std::uint32_t start = taken_ % kRingBytes;
    const std::uint32_t count = least(least(size, put.value - taken_), kRingBytes - start);
    if (count == 0 || !file_.read(kRingOffset + start, bytes, count)) {
        return 0;
    }
    taken_ += count;
    const Count taken = {taken_, ~taken_};
    file_.write(kTakenOffset, &taken, sizeof(taken));
    return count;
}

}  // namespace emulated
