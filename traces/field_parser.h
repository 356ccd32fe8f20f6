// SPDX-License-Identifier: Apache-2.0
// Cutting fields out of a line without copying: shared by the text trace readers.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace cesasim::traces {

/// Parses all of `text` as an unsigned decimal number. False if it is anything else.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() &&
         text.front() != '-';
}

/// Takes the next run of non-blanks off `text`; empty at the end.
inline std::string_view take_word(std::string_view& text) {
  std::size_t begin = 0;
  while (begin < text.size() && (text[begin] == ' ' || text[begin] == '\t')) ++begin;
  std::size_t end = begin;
  while (end < text.size() && text[end] != ' ' && text[end] != '\t') ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

/// What stands before the first line end, LF or CR LF.
inline std::string_view first_line_of(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

/// `line` without blanks (and NULs) at its end.
inline std::string_view without_blanks(std::string_view line) {
  constexpr std::string_view kBlanks(" \t\r\0", 4);
  const std::size_t last = line.find_last_not_of(kBlanks);
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

/// `text` without the byte order mark that some programs begin UTF-8 with.
inline std::string_view without_bom(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

/// `text` for an error message: cut to a readable length, unprintable bytes as '?'.
inline std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest)) out += c >= ' ' && c <= '~' ? c : '?';
  if (text.size() > kLongest) out += "...";
  return out + "'";
}

}  // namespace cesasim::traces
