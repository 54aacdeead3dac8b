#include "board_wearer.h"

#include <cstring>

namespace vigil {

using link::WearerAction;
using link::WearerPhase;
using link::WearerStorage;

void BoardWearer::begin() {
    if (!store_.load()) return;
    const std::uint32_t* payload = store_.payload();
    if (std::memcmp(payload, model_, sizeof model_) != 0) return;
    stream_ = payload[2];
    wearer_.load(payload + kHeader);
    learned_ = wearer_.learned();
    if (learned_) memory_ = WearerStorage::kept;
}

void BoardWearer::stream_began(std::uint32_t stream, std::uint64_t sample) {
    const bool continues = stream == stream_ && (stream == 0 || sample > 0);
    if (continues) {
        if (stream == 0) wearer_.forget_flagged();  // its windows are counted anew
        return;
    }
    stream_ = stream;
    wearer_.restart();
    learned_ = due_ = false;
    if (memory_ == WearerStorage::none) return remember(WearerStorage::none);
    save_soon();  // an empty wearer, so that the old one does not return after a power cut
}

void BoardWearer::took_window() {
    if (wearer_.refused() != refused_) {
        refused_ = !refused_;
        changed_ = true;
    }
    if (!wearer_.learned()) return;
    if (!learned_) {
        learned_ = true;
        save_soon();
    } else if (++since_ >= kSaveBeats) {
        due_ = true;
    }
}

void BoardWearer::save_soon() {
    due_ = true;
    remember(WearerStorage::saving);
}

void BoardWearer::remember(WearerStorage memory) {
    memory_ = memory;
    changed_ = true;
}

void BoardWearer::poll() {
    if (!due_ || !slots_.erase_step(store_.next())) return;
    due_ = false;
    since_ = 0;
    std::uint32_t* payload = store_.payload();
    std::memcpy(payload, model_, sizeof model_);
    payload[2] = stream_;
    wearer_.store(payload + kHeader);
    const bool saved = store_.save();
    remember(!saved ? WearerStorage::failed : learned_ ? WearerStorage::kept : WearerStorage::none);
}

void BoardWearer::renew(std::uint32_t number) {
    number_ = number;
    wearer_.restart();
    learned_ = false;
    save_soon();  // an empty one, as in stream_began()
}

bool BoardWearer::request(const link::WearerRequest& message) {
    switch (static_cast<WearerAction>(message.action)) {
        case WearerAction::ask:
            return true;
        case WearerAction::accept:
            if (!wearer_.accept(message.window)) return false;
            save_soon();
            return true;
        case WearerAction::renew:
            if (message.number == 0) return false;
            if (message.number != number_) renew(message.number);  // else it is repeated
            return true;
    }
    return false;
}

void BoardWearer::describe(link::WearerReport& message) const {
    const WearerState& state = wearer_.state();
    message.number = number_;
    message.phase = static_cast<std::uint8_t>(learned_            ? WearerPhase::learned
                                              : wearer_.refused() ? WearerPhase::relearning
                                                                  : WearerPhase::learning);
    message.memory = static_cast<std::uint8_t>(memory_);
    message.beats = state.beats;
    message.learn = wearer_.config().learn;
    message.forms = static_cast<std::uint8_t>(state.forms);
    message.accepted = static_cast<std::uint8_t>(wearer_.accepted());
    message.interval = state.intervals > 0 ? static_cast<std::uint32_t>(state.rr) : 0;
}

bool BoardWearer::take_changed() {
    const bool changed = changed_;
    changed_ = false;
    return changed;
}

}  // namespace vigil
