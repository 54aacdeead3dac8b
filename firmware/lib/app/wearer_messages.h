// The messages of an image about alarm and wearer, and the wearer's memory.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "alarm_messages.h"
#include "board.h"
#include "board_link.h"
#include "board_wearer.h"

namespace vigil {

// An image without a wearer: the alarm's messages alone.
template <typename Detector, bool kLearns>
class WearerMessages : public AlarmMessages<typename Detector::WindowDecision> {
  public:
    WearerMessages(const std::uint8_t (& /*model*/)[8], Detector& detector)
        : AlarmMessages<typename Detector::WindowDecision>(detector.decision()) {}
    void stream_began(std::uint32_t /*stream*/, std::uint64_t /*sample*/) {}
    void took_window() {}
    void poll() {}
    bool key(char /*key*/) { return false; }
};

struct NoExtension {};

// The base that makes messages an extension of the link, unless those of the alarm are one.
template <typename Alarm>
using ExtensionBeside =
    std::conditional_t<std::is_base_of_v<link::Extension, Alarm>, NoExtension, link::Extension>;

template <typename Detector>
class WearerMessages<Detector, true> final
    : public AlarmMessages<typename Detector::WindowDecision>,
      public ExtensionBeside<AlarmMessages<typename Detector::WindowDecision>> {
    using Alarm = AlarmMessages<typename Detector::WindowDecision>;
    static constexpr std::uint8_t kUnasked = 255;
    static constexpr bool kAlarm = std::is_base_of_v<link::Extension, Alarm>;

  public:
    WearerMessages(const std::uint8_t (&model)[8], Detector& detector)
        : Alarm(detector.decision()),
          wearer_(model, detector.wearer().wearer(), board::wearer_slots(), record_) {}

    void attach_to(link::BoardLink& link) {
        wearer_.begin();
        link.attach(*this);
    }
    void stream_began(std::uint32_t stream, std::uint64_t sample) {
        wearer_.stream_began(stream, sample);
    }
    void took_window() { wearer_.took_window(); }
    void poll() {
        wearer_.poll();
        if (wearer_.take_changed()) due_ = true;
    }
    // The console key w: another person wears the board.
    bool key(char key) {
        if (key != 'w') return false;
        wearer_.renew(0);
        return true;
    }

    bool take(const link::Frame& frame, link::BoardLink& link) override {
        if (static_cast<link::Type>(frame.type) != link::Type::wearer_request) {
            if constexpr (kAlarm) return Alarm::take(frame, link);
            return false;
        }
        link::WearerRequest m;
        if (!link.decode(frame, m)) return true;
        if (!wearer_.request(m)) {
            link.refuse(link::ErrorCode::bad_value, m.action);
            return true;
        }
        due_ = true;
        report_.action = m.action;
        report_.answered = m.window;
        return true;
    }

    bool answer(link::BoardLink& link) override {
        if (!due_) {
            if constexpr (kAlarm) return Alarm::answer(link);
            return false;
        }
        due_ = false;
        wearer_.describe(report_);
        link.put(report_);
        report_.action = kUnasked;
        report_.answered = 0;
        return true;
    }

  private:
    using Stage = std::remove_reference_t<decltype(std::declval<Detector&>().wearer())>;
    std::uint32_t record_[BoardWearer::kHeader + SlotStore::kOverhead + Stage::kWords];
    static_assert(sizeof record_ <= board::kWearerSlot);
    // The largest wearer, with the copy of it that is written: 12 KB.
    static constexpr std::size_t kLargestRecord =
        sizeof(WearerState) + sizeof(std::int32_t) * (kWearerForms * kWearerValues +
                                                      BoardWearer::kHeader + SlotStore::kOverhead);
    static_assert(sizeof(WearerMemory<kWearerValues>) + kLargestRecord + sizeof(Wearer) +
                      sizeof(BoardWearer) <=
                  12 * 1024);
    BoardWearer wearer_;
    link::WearerReport report_{kUnasked};
    bool due_ = false;  // the report
};

}  // namespace vigil
