#include "lib/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/text.h"

namespace proofline::base {
namespace {

constexpr std::pair<std::string_view, spdlog::level::level_enum> kLevels[] = {
    {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
    {"warn", spdlog::level::warn},   {"error", spdlog::level::err},
};

std::string_view LevelName(spdlog::level::level_enum level) {
  for (const auto& [name, value] : kLevels) {
    if (value == level) return name;
  }
  return "fatal";
}

absl::StatusOr<spdlog::level::level_enum> ParseLevel(std::string_view level) {
  for (const auto& [name, value] : kLevels) {
    if (name == level) return value;
  }
  return absl::InvalidArgumentError(
      Concat("there is no log level \"", level, "\"; choose trace, debug, info, warn or error"));
}

// Bytes of the UTF-8 character at the start of `text`; 0 if there is no valid one.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xC2 && byte(0) <= 0xDF) return follows(1) ? 2 : 0;
  if (byte(0) >= 0xE0 && byte(0) <= 0xEF && follows(1) && follows(2)) {
    const bool overlong = byte(0) == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = byte(0) == 0xED && byte(1) >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (byte(0) >= 0xF0 && byte(0) <= 0xF4 && follows(1) && follows(2) && follows(3)) {
    const bool overlong = byte(0) == 0xF0 && byte(1) < 0x90;
    const bool too_high = byte(0) == 0xF4 && byte(1) >= 0x90;
    return overlong || too_high ? 0 : 4;
  }
  return 0;
}

// One printable line that is valid UTF-8, and inside quotes valid JSON if `json`.
std::string Escape(std::string_view text, bool json) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const auto byte = static_cast<std::uint8_t>(text.front());
    const bool c1_control =
        length == 2 && byte == 0xC2 && static_cast<std::uint8_t>(text[1]) < 0xA0;
    if (length == 0 || c1_control || byte < 0x20 || byte == 0x7F) {
      const unsigned code = c1_control ? static_cast<std::uint8_t>(text[1]) : byte;
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), json ? "\\u%04x" : "\\x%02x", code);
      out += byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : escaped;
    } else if (json && (byte == '"' || byte == '\\')) {
      out += {'\\', text.front()};
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                                              absl::FromChrono(message.time), absl::UTCTimeZone());
    const std::string text =
        Escape(std::string_view(message.payload.data(), message.payload.size()), json_);
    const std::string_view level = LevelName(message.level);
    const std::string line = json_ ? Concat("{\"time\":\"", time, "\",\"level\":\"", level,
                                            "\",\"message\":\"", text, "\"}\n")
                                   : Concat(time, " ", level, " ", text, "\n");
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  const bool json_;
};

}  // namespace

absl::Status SetUpLog(std::string_view level, bool json) {
  const absl::StatusOr<spdlog::level::level_enum> value = ParseLevel(level);
  if (!value.ok()) return value.status();
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  logger->set_formatter(std::make_unique<LineFormatter>(json));
  logger->set_level(*value);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

absl::Status SetLogLevel(std::string_view level) {
  const absl::StatusOr<spdlog::level::level_enum> value = ParseLevel(level);
  if (value.ok()) spdlog::set_level(*value);
  return value.status();
}

}  // namespace proofline::base
