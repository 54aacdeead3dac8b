#include "wire_layout.h"

#include <cstring>

// Fields are copied as they are in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian targets need byte swapping");

namespace vigil::link {
namespace {

// Steps through a message in memory, field by field, as the compiler laid it out.
class Walk {
  public:
    // Returns the offset of a field and advances past it.
    std::size_t next(std::size_t align, std::size_t size) {
        const std::size_t offset = (at_ + align - 1) / align * align;
        at_ = offset + size;
        return offset;
    }

  private:
    std::size_t at_ = 0;
};

constexpr std::size_t kNoFit = SIZE_MAX;

}  // namespace

std::size_t write_fields(const LayoutCode* layout, const void* message,
                         Span<std::uint8_t> payload) {
    const auto* from = static_cast<const std::uint8_t*>(message);
    Walk walk;
    std::size_t at = 0;
    for (; *layout != 0; ++layout) {
        std::size_t size = *layout & 15;
        std::size_t align = *layout >> 4;
        const std::uint8_t* bytes = nullptr;
        if (align != 0) {
            bytes = from + walk.next(align, size);
        } else {
            Span<const std::uint8_t> span;  // of char or std::uint8_t: the same in memory
            std::memcpy(&span, from + walk.next(alignof(void*), sizeof span), sizeof span);
            bytes = span.data();
            const bool text = size == kTextField;
            size = span.size();
            if (text) {
                if (size > kMaxText) size = kMaxText;
                if (at == payload.size()) return kNoFit;
                payload[at++] = static_cast<std::uint8_t>(size);
            }
        }
        if (size > payload.size() - at) return kNoFit;
        if (size != 0) std::memcpy(payload.data() + at, bytes, size);
        at += size;
    }
    return at;
}

std::size_t read_fields(const LayoutCode* layout, void* message, Span<const std::uint8_t> payload) {
    auto* to = static_cast<std::uint8_t*>(message);
    Walk walk;
    std::size_t at = 0;
    for (; *layout != 0; ++layout) {
        std::size_t size = *layout & 15;
        std::size_t align = *layout >> 4;
        if (align != 0) {
            if (size > payload.size() - at) return kNoFit;
            std::memcpy(to + walk.next(align, size), payload.data() + at, size);
        } else {
            if (size == kTextField) {
                if (at == payload.size() || payload[at] > kMaxText) return kNoFit;
                size = payload[at++];
                if (size > payload.size() - at) return kNoFit;
            } else {
                size = payload.size() - at;
            }
            const Span<const std::uint8_t> span(payload.data() + at, size);
            std::memcpy(to + walk.next(alignof(void*), sizeof span), &span, sizeof span);
        }
        at += size;
    }
    return at;
}

}  // namespace vigil::link
