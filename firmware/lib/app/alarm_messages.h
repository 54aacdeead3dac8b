// Messages of the alarm: the host reads and sets it while the board runs.
#pragma once

#include "board_link.h"
#include "detector.h"

namespace vigil {

template <typename WindowDecision>
class AlarmMessages : public link::Extension {
  public:
    explicit AlarmMessages(WindowDecision& decision) : decision_(decision) {}

    bool take(const link::Frame& frame, link::BoardLink& link) override {
        const auto type = static_cast<link::Type>(frame.type);
        if (type == link::Type::alarm_set) {
            link::AlarmSet m;
            if (!link.decode(frame, m)) return true;
            const AlarmSettings settings = {static_cast<AlarmKind>(m.kind), m.windows,
                                            m.raise_level, m.clear_level};
            if (m.kind > static_cast<std::uint8_t>(AlarmKind::count) ||
                !decision_.alarm().configure(settings)) {
                link.refuse(link::ErrorCode::bad_value, m.kind);
                return true;
            }
        } else if (type != link::Type::alarm_get) {
            return false;
        }
        asked_ = true;
        return true;
    }

    bool answer(link::BoardLink& link) override {
        if (!asked_) return false;
        asked_ = false;
        const AlarmSettings& settings = decision_.alarm().settings();
        const Drift& drift = decision_.drift();
        link::Alarm m;
        m.kind = static_cast<std::uint8_t>(settings.kind);
        m.windows = settings.windows;
        m.raise_level = settings.raise;
        m.clear_level = settings.clear;
        m.state = flags();
        m.low = drift.low();
        m.span = drift.is_measured() ? Drift::kBlocks * drift.settings().block : 0;
        m.limit = drift.settings().limit;
        m.window = link.next_window();
        link.put(m);
        return true;
    }

    void attach_to(link::BoardLink& link) { link.attach(*this); }

    // A threshold is in force. One that the host sets says nothing about the p-values.
    template <typename Calibration>
    void use(const Calibration& calibration) {
        if (calibration.source() == link::ThresholdSource::host) return;
        if (calibration.source() == link::ThresholdSource::calibration) {
            decision_.calibrated(calibration.threshold(), calibration.largest(),
                                 calibration.scores());
        } else {
            decision_.calibrated(decision_.trained_threshold(), {}, 0);
        }
    }

    // After the last window: the bits of SCORE, the p-value, and whether the LED is on. Without an
    // alarm, if the host set it so, the LED shows flagged windows.
    std::uint8_t flags() const {
        return static_cast<std::uint8_t>((decision_.alarm().on() ? link::kAlarm : 0) |
                                         (decision_.drift().drifted() ? link::kDrift : 0));
    }
    float p() const { return decision_.p(); }
    bool is_lit(bool anomaly) const {
        const bool decides = decision_.alarm().settings().kind != AlarmKind::none;
        return decides ? decision_.alarm().on() : anomaly;
    }

  private:
    WindowDecision& decision_;
    bool asked_ = false;
};

// An image that decides window by window has none.
template <>
class AlarmMessages<Decision<NoDecision>> {
  public:
    explicit AlarmMessages(Decision<NoDecision>& /*none*/) {}
    void attach_to(link::BoardLink& /*link*/) {}
    template <typename Calibration>
    void use(const Calibration& /*calibration*/) {}
    std::uint8_t flags() const { return 0; }
    float p() const { return 0; }
    bool is_lit(bool anomaly) const { return anomaly; }
};

}  // namespace vigil
