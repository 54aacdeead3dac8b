// Alarm: a decision over several windows.
//
// One flagged window is often chance; a fault lasts. An alarm looks at the last n judged windows:
// at the mean of their scores, or at the number of flagged ones. It is raised at one level and
// cleared at a lower one, so that it does not flicker.
//
// Windows that are not judged are passed over. A gap breaks the run: the alarm keeps its state
// until n windows follow it.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil {

// The values cross the link.
enum class AlarmKind : std::uint8_t {
    none = 0,
    mean = 1,   // the mean score, as a multiple of the threshold
    count = 2,  // the number of windows whose score is above the threshold
};

struct AlarmSettings {
    AlarmKind kind;
    std::uint8_t windows;  // n, 1 or more
    float raise;           // the alarm is raised when the value is at least this,
    float clear;           // and cleared when it is less than this; at most `raise`
};

class Alarm {
  public:
    // `scores` holds as many values as the largest n, and belongs to the caller.
    Alarm(const AlarmSettings& settings, Span<float> scores)
        : settings_(settings), scores_(scores) {}

    // Takes new settings and begins anew. False, and no change, if they are not possible.
    bool configure(const AlarmSettings& settings);

    // Forgets everything: another stream begins, and no alarm is on.
    void reset();

    // Windows are missing before the next one.
    void gap() { filled_ = 0; }

    // Takes the score of the next judged window. Returns whether the alarm is on.
    bool push(float score, float threshold);

    bool on() const { return on_; }
    const AlarmSettings& settings() const { return settings_; }

  private:
    AlarmSettings settings_;
    Span<float> scores_;
    std::uint8_t next_ = 0;    // where the next score goes: the oldest of n
    std::uint8_t filled_ = 0;  // scores since the last gap, at most n
    bool on_ = false;
};

}  // namespace vigil
