#include "detector.h"

#include <cstring>

namespace vigil {

bool same_bytes(Span<const std::int8_t> a, Span<const std::int8_t> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

bool same_bits(float a, float b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace vigil
