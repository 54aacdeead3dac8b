#include "p_value.h"

namespace vigil {

float p_value(const CalibrationTable& table, float score) {
    // The points before `low` are below `score`; those from `high` on are not.
    std::size_t low = 0;
    std::size_t high = table.points.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (table.points[middle].score < score) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const std::uint32_t at_least = low > 0 ? table.points[low - 1].above : table.scores;
    // Both are exact in single precision, and IEEE 754 rounds the quotient in one way.
    return static_cast<float>(1 + at_least) / static_cast<float>(1 + table.scores);
}

float p_value(Span<const float> largest, std::uint32_t scores, float score) {
    std::uint32_t at_least = 0;
    while (at_least < largest.size() && largest[at_least] >= score) ++at_least;
    if (at_least == largest.size()) at_least = scores;
    return static_cast<float>(1 + at_least) / static_cast<float>(1 + scores);
}

}  // namespace vigil
