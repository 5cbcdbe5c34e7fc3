#include "smtp/date.h"

#include <fmt/compile.h>

#include <array>
#include <chrono>
#include <string_view>

namespace sluice::smtp {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string format_date(WallTime time) {
  const std::chrono::sys_time<std::chrono::milliseconds> point{
      std::chrono::milliseconds(time.milliseconds())};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(point - day));
  return fmt::format(
      FMT_COMPILE("{}, {} {} {:04} {:02}:{:02}:{:02} +0000"),
      kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
      kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace sluice::smtp
