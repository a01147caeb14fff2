#include "labd/ipp_printer_client.h"

#include <cups/cups.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

constexpr int kConnectMs = 5'000;
// A printer that says nothing for this many seconds, neither taking bytes nor answering, is gone.
constexpr int kSilenceSeconds = 30;
constexpr std::size_t kPiece = 64 << 10;

struct HttpCloser {
  void operator()(http_t* http) const { httpClose(http); }
};
struct IppDeleter {
  void operator()(ipp_t* ipp) const { ippDelete(ipp); }
};
using Http = std::unique_ptr<http_t, HttpCloser>;
using Ipp = std::unique_ptr<ipp_t, IppDeleter>;

// How long a connection has been silent, and whether anybody still waits for it.
struct Patience {
  std::stop_token stop;
  int seconds = 0;
};

// Called by libcups each second of silence; 0 gives the connection up.
int OnSilence(http_t* /*http*/, void* data) {
  auto* patience = static_cast<Patience*>(data);
  return !patience->stop.stop_requested() && ++patience->seconds < kSilenceSeconds ? 1 : 0;
}

// The lab has no password to give, and nobody to ask for one.
const char* NoPassword(const char* /*prompt*/, http_t* /*http*/, const char* /*method*/,
                       const char* /*resource*/, void* /*data*/) {
  return nullptr;
}

absl::Status ToStatus(ipp_status_t code, std::string_view words) {
  const std::string sentence =
      base::Concat("the printer says: ", words.empty() ? ippErrorString(code) : words);
  switch (code) {
    case IPP_STATUS_ERROR_NOT_FOUND:
    case IPP_STATUS_ERROR_GONE:
      return absl::NotFoundError(sentence);
    case IPP_STATUS_ERROR_ATTRIBUTES_OR_VALUES:
    case IPP_STATUS_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED:
    case IPP_STATUS_ERROR_CONFLICTING:
    case IPP_STATUS_ERROR_BAD_REQUEST:
    case IPP_STATUS_ERROR_REQUEST_VALUE:
    case IPP_STATUS_ERROR_REQUEST_ENTITY:
      return absl::InvalidArgumentError(sentence);
    case IPP_STATUS_ERROR_BUSY:
    case IPP_STATUS_ERROR_SERVICE_UNAVAILABLE:
    case IPP_STATUS_ERROR_TEMPORARY:
    case IPP_STATUS_ERROR_NOT_ACCEPTING_JOBS:
    case IPP_STATUS_ERROR_DEVICE:
    case IPP_STATUS_ERROR_TIMEOUT:
      return absl::ResourceExhaustedError(sentence);
    default:
      return absl::FailedPreconditionError(sentence);
  }
}

std::vector<std::string> Strings(ipp_t* ipp, const char* name) {
  std::vector<std::string> values;
  for (ipp_attribute_t* attribute = ippFindAttribute(ipp, name, IPP_TAG_ZERO); attribute != nullptr;
       attribute = ippFindNextAttribute(ipp, name, IPP_TAG_ZERO)) {
    for (int i = 0; i < ippGetCount(attribute); ++i) {
      const char* text = ippGetString(attribute, i, nullptr);
      if (text != nullptr) values.emplace_back(text);
    }
  }
  return values;
}

std::vector<int> Integers(ipp_t* ipp, const char* name) {
  std::vector<int> values;
  ipp_attribute_t* attribute = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
  if (attribute == nullptr) return values;
  const ipp_tag_t tag = ippGetValueTag(attribute);
  if (tag != IPP_TAG_INTEGER && tag != IPP_TAG_ENUM) return values;
  for (int i = 0; i < ippGetCount(attribute); ++i) values.push_back(ippGetInteger(attribute, i));
  return values;
}

std::string Text(ipp_t* ipp, const char* name) {
  std::vector<std::string> values = Strings(ipp, name);
  return values.empty() ? std::string() : std::move(values.front());
}

int Integer(ipp_t* ipp, const char* name, int otherwise) {
  const std::vector<int> values = Integers(ipp, name);
  return values.empty() ? otherwise : values.front();
}

// A member that is a number or a range of numbers.
std::pair<int, int> Range(ipp_t* ipp, const char* name) {
  ipp_attribute_t* attribute = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
  if (attribute == nullptr || ippGetCount(attribute) == 0) return {0, 0};
  if (ippGetValueTag(attribute) == IPP_TAG_RANGE) {
    int upper = 0;
    const int lower = ippGetRange(attribute, 0, &upper);
    return {lower, upper};
  }
  if (ippGetValueTag(attribute) != IPP_TAG_INTEGER) return {0, 0};
  const int value = ippGetInteger(attribute, 0);
  return {value, value};
}

void AddSize(ipp_t* size, std::vector<IppMedia>& media) {
  const auto [min_width, max_width] = Range(size, "x-dimension");
  const auto [min_height, max_height] = Range(size, "y-dimension");
  if (min_width > 0 && min_height > 0) {
    media.push_back({min_width, max_width, min_height, max_height});
  }
}

std::vector<IppMedia> Media(ipp_t* ipp) {
  std::vector<IppMedia> media;
  ipp_attribute_t* database = ippFindAttribute(ipp, "media-col-database", IPP_TAG_BEGIN_COLLECTION);
  for (int i = 0; database != nullptr && i < ippGetCount(database); ++i) {
    ipp_attribute_t* size =
        ippFindAttribute(ippGetCollection(database, i), "media-size", IPP_TAG_BEGIN_COLLECTION);
    if (size != nullptr) AddSize(ippGetCollection(size, 0), media);
  }
  ipp_attribute_t* sizes = ippFindAttribute(ipp, "media-size-supported", IPP_TAG_BEGIN_COLLECTION);
  for (int i = 0; sizes != nullptr && i < ippGetCount(sizes); ++i) {
    AddSize(ippGetCollection(sizes, i), media);
  }
  for (const std::string& name : Strings(ipp, "media-supported")) {
    const pwg_media_t* known = pwgMediaForPWG(name.c_str());
    if (known == nullptr) known = pwgMediaForLegacy(name.c_str());
    const bool size = known != nullptr && !name.starts_with("custom_m");
    if (size) media.push_back({known->width, known->width, known->length, known->length});
  }
  return media;
}

IppJob JobOf(ipp_t* ipp) {
  IppJob job;
  job.id = Integer(ipp, "job-id", 0);
  job.name = Text(ipp, "job-name");
  const int state = Integer(ipp, "job-state", 3);
  if (state >= 3 && state <= 9) job.state = static_cast<IppJob::State>(state);
  job.reasons = Strings(ipp, "job-state-reasons");
  std::erase(job.reasons, "none");
  job.message = Text(ipp, "job-state-message");
  job.k_octets = Integer(ipp, "job-k-octets", -1);
  job.documents = Integer(ipp, "number-of-documents", -1);
  job.impressions_completed = Integer(ipp, "job-impressions-completed", 0);
  job.began = !Integers(ipp, "time-at-processing").empty() || job.impressions_completed > 0;
  return job;
}

constexpr std::array<const char*, 8> kJobAttributes = {"job-id",
                                                       "job-name",
                                                       "job-state",
                                                       "job-state-reasons",
                                                       "job-state-message",
                                                       "job-k-octets",
                                                       "number-of-documents",
                                                       "time-at-processing"};

class CupsClient : public IppClient {
 public:
  CupsClient(std::string uri, std::string host, int port, std::string resource, bool encrypted)
      : uri_(std::move(uri)),
        host_(std::move(host)),
        port_(port),
        resource_(std::move(resource)),
        encrypted_(encrypted) {}

  absl::StatusOr<IppFacts> GetPrinter(const std::stop_token& stop) override;
  absl::StatusOr<int> CreateJob(const IppJobRequest& request, const std::stop_token& stop) override;
  IppSendResult SendDocument(int job, const std::filesystem::path& file, const std::string& format,
                             const std::function<absl::Status()>& written,
                             const std::stop_token& stop) override;
  absl::StatusOr<IppJob> GetJob(int job, const std::stop_token& stop) override;
  absl::StatusOr<std::vector<IppJob>> FindJobs(const std::string& name,
                                               const std::stop_token& stop) override;
  absl::Status CancelJob(int job, const std::stop_token& stop) override;

 private:
  absl::StatusOr<Http> Connect(Patience& patience) const;
  Ipp NewRequest(ipp_op_t operation) const;
  // One request without a document, and its answer.
  absl::StatusOr<Ipp> Ask(Ipp request, const std::stop_token& stop) const;
  // Reads the answer of what has been sent.
  absl::StatusOr<Ipp> Answer(http_t* http) const;
  absl::Status Silent() const {
    return absl::UnavailableError(base::Concat("the printer at ", uri_, " does not answer"));
  }

  const std::string uri_;
  const std::string host_;
  const int port_;
  const std::string resource_;
  const bool encrypted_;
};

absl::StatusOr<Http> CupsClient::Connect(Patience& patience) const {
  cupsSetPasswordCB2(NoPassword, nullptr);
  // libcups takes a plain int that may change while it connects; the wait is short, so the request
  // to stop is looked at before and after instead.
  int cancelled = 0;
  if (patience.stop.stop_requested()) return absl::CancelledError("the lab is being stopped");
  Http http(httpConnect2(host_.c_str(), port_, nullptr, AF_UNSPEC,
                         encrypted_ ? HTTP_ENCRYPTION_ALWAYS : HTTP_ENCRYPTION_IF_REQUESTED, 1,
                         kConnectMs, &cancelled));
  if (http == nullptr) {
    return absl::UnavailableError(
        base::Concat("the printer at ", uri_, " cannot be reached; is it switched on?"));
  }
  httpSetTimeout(http.get(), 1.0, OnSilence, &patience);
  return http;
}

Ipp CupsClient::NewRequest(ipp_op_t operation) const {
  Ipp request(ippNewRequest(operation));
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", nullptr, uri_.c_str());
  return request;
}

absl::StatusOr<Ipp> CupsClient::Answer(http_t* http) const {
  Ipp answer(cupsGetResponse(http, resource_.c_str()));
  if (answer == nullptr) return Silent();
  const ipp_status_t code = ippGetStatusCode(answer.get());
  if (code < IPP_STATUS_REDIRECTION_OTHER_SITE) return answer;
  return ToStatus(code, Text(answer.get(), "status-message"));
}

absl::StatusOr<Ipp> CupsClient::Ask(Ipp request, const std::stop_token& stop) const {
  Patience patience{stop};
  absl::StatusOr<Http> http = Connect(patience);
  if (!http.ok()) return http.status();
  const http_status_t sent =
      cupsSendRequest(http->get(), request.get(), resource_.c_str(), ippLength(request.get()));
  if (sent != HTTP_STATUS_CONTINUE && sent != HTTP_STATUS_OK) return Silent();
  return Answer(http->get());
}

absl::StatusOr<IppFacts> CupsClient::GetPrinter(const std::stop_token& stop) {
  static constexpr std::array<const char*, 4> kWanted = {"printer-description", "job-template",
                                                         "media-col-database", "all"};
  Ipp request = NewRequest(IPP_OP_GET_PRINTER_ATTRIBUTES);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", nullptr,
               kIppUser);
  ippAddStrings(request.get(), IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
                kWanted.size(), nullptr, kWanted.data());
  const absl::StatusOr<Ipp> answer = Ask(std::move(request), stop);
  if (!answer.ok()) return answer.status();
  ipp_t* ipp = answer->get();
  IppFacts facts;
  switch (Integer(ipp, "printer-state", 0)) {
    case IPP_PSTATE_IDLE:
      facts.state = IppFacts::State::kIdle;
      break;
    case IPP_PSTATE_PROCESSING:
      facts.state = IppFacts::State::kProcessing;
      break;
    case IPP_PSTATE_STOPPED:
      facts.state = IppFacts::State::kStopped;
      break;
    default:
      break;
  }
  ipp_attribute_t* accepting = ippFindAttribute(ipp, "printer-is-accepting-jobs", IPP_TAG_BOOLEAN);
  facts.accepting = accepting == nullptr || ippGetBoolean(accepting, 0) != 0;
  facts.reasons = Strings(ipp, "printer-state-reasons");
  std::erase(facts.reasons, "none");
  facts.message = Text(ipp, "printer-state-message");
  facts.formats = Strings(ipp, "document-format-supported");
  facts.media = Media(ipp);
  facts.margins_left = Integers(ipp, "media-left-margin-supported");
  facts.margins_right = Integers(ipp, "media-right-margin-supported");
  facts.margins_top = Integers(ipp, "media-top-margin-supported");
  facts.margins_bottom = Integers(ipp, "media-bottom-margin-supported");
  facts.media_types = Strings(ipp, "media-type-supported");
  facts.print_scalings = Strings(ipp, "print-scaling-supported");
  facts.content_optimizes = Strings(ipp, "print-content-optimize-supported");
  facts.qualities = Integers(ipp, "print-quality-supported");
  facts.orientations = Integers(ipp, "orientation-requested-supported");
  facts.max_copies = std::max(1, Range(ipp, "copies-supported").second);
  return facts;
}

void AddMedia(ipp_t* ipp, const IppJobRequest& request) {
  ipp_t* size = ippNew();
  ippAddInteger(size, IPP_TAG_ZERO, IPP_TAG_INTEGER, "x-dimension", request.media_width);
  ippAddInteger(size, IPP_TAG_ZERO, IPP_TAG_INTEGER, "y-dimension", request.media_height);
  ipp_t* media = ippNew();
  ippAddCollection(media, IPP_TAG_ZERO, "media-size", size);
  ippDelete(size);
  const std::pair<const char*, int> margins[] = {{"media-left-margin", request.margin_left},
                                                 {"media-right-margin", request.margin_right},
                                                 {"media-top-margin", request.margin_top},
                                                 {"media-bottom-margin", request.margin_bottom}};
  for (const auto& [name, value] : margins) {
    ippAddInteger(media, IPP_TAG_ZERO, IPP_TAG_INTEGER, name, value);
  }
  if (!request.media_type.empty()) {
    ippAddString(media, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "media-type", nullptr,
                 request.media_type.c_str());
  }
  ippAddCollection(ipp, IPP_TAG_JOB, "media-col", media);
  ippDelete(media);
}

void AddTemplate(ipp_t* ipp, const IppJobRequest& request) {
  if (request.with_copies) {
    ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_INTEGER, "copies", request.copies);
  }
  AddMedia(ipp, request);
  if (!request.print_scaling.empty()) {
    ippAddString(ipp, IPP_TAG_JOB, IPP_TAG_KEYWORD, "print-scaling", nullptr,
                 request.print_scaling.c_str());
  }
  if (!request.content_optimize.empty()) {
    ippAddString(ipp, IPP_TAG_JOB, IPP_TAG_KEYWORD, "print-content-optimize", nullptr,
                 request.content_optimize.c_str());
  }
  if (request.quality > 0) {
    ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_ENUM, "print-quality", request.quality);
  }
  if (request.orientation > 0) {
    ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_ENUM, "orientation-requested", request.orientation);
  }
}

absl::StatusOr<int> CupsClient::CreateJob(const IppJobRequest& request,
                                          const std::stop_token& stop) {
  Ipp ipp = NewRequest(IPP_OP_CREATE_JOB);
  ippAddString(ipp.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", nullptr,
               kIppUser);
  ippAddString(ipp.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "job-name", nullptr,
               request.name.c_str());
  AddTemplate(ipp.get(), request);
  const absl::StatusOr<Ipp> answer = Ask(std::move(ipp), stop);
  if (!answer.ok()) return answer.status();
  const int id = Integer(answer->get(), "job-id", 0);
  if (id <= 0) return absl::FailedPreconditionError("the printer made a job without a number");
  return id;
}

IppSendResult CupsClient::SendDocument(int job, const std::filesystem::path& file,
                                       const std::string& format,
                                       const std::function<absl::Status()>& written,
                                       const std::stop_token& stop) {
  // Pages are bounded by the print specification, so one is read as a whole: nothing can go wrong
  // with the disk once the printer has begun to take it.
  const absl::StatusOr<std::string> page = base::ReadFile(file, std::uint64_t{1} << 30);
  if (!page.ok()) return {page.status(), false};
  Ipp request = NewRequest(IPP_OP_SEND_DOCUMENT);
  ippAddInteger(request.get(), IPP_TAG_OPERATION, IPP_TAG_INTEGER, "job-id", job);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", nullptr,
               kIppUser);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_MIMETYPE, "document-format", nullptr,
               format.c_str());
  ippAddBoolean(request.get(), IPP_TAG_OPERATION, "last-document", 1);
  Patience patience{stop};
  const absl::StatusOr<Http> http = Connect(patience);
  if (!http.ok()) return {http.status(), false};
  // A length instead of chunks: with the last byte written the request is whole, even if the lab
  // ends right after it.
  const http_status_t sent = cupsSendRequest(http->get(), request.get(), resource_.c_str(),
                                             ippLength(request.get()) + page->size());
  if (sent != HTTP_STATUS_CONTINUE && sent != HTTP_STATUS_OK) return {Silent(), true};
  for (std::size_t at = 0; at < page->size(); at += kPiece) {
    const std::size_t piece = std::min(kPiece, page->size() - at);
    patience.seconds = 0;
    const http_status_t wrote = cupsWriteRequestData(http->get(), page->data() + at, piece);
    if (wrote == HTTP_STATUS_CONTINUE) continue;
    // The printer may have answered before it has read everything.
    const absl::StatusOr<Ipp> refusal = Answer(http->get());
    return {refusal.ok() ? Silent() : refusal.status(), true};
  }
  if (httpFlushWrite(http->get()) < 0) return {Silent(), true};
  if (absl::Status status = written(); !status.ok()) return {status, true};
  patience.seconds = 0;
  return {Answer(http->get()).status(), true};
}

absl::StatusOr<IppJob> CupsClient::GetJob(int job, const std::stop_token& stop) {
  Ipp request = NewRequest(IPP_OP_GET_JOB_ATTRIBUTES);
  ippAddInteger(request.get(), IPP_TAG_OPERATION, IPP_TAG_INTEGER, "job-id", job);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", nullptr,
               kIppUser);
  const absl::StatusOr<Ipp> answer = Ask(std::move(request), stop);
  if (!answer.ok()) return answer.status();
  return JobOf(answer->get());
}

absl::StatusOr<std::vector<IppJob>> CupsClient::FindJobs(const std::string& name,
                                                         const std::stop_token& stop) {
  Ipp request = NewRequest(IPP_OP_GET_JOBS);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", nullptr,
               kIppUser);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "which-jobs", nullptr,
               "not-completed");
  ippAddStrings(request.get(), IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
                kJobAttributes.size(), nullptr, kJobAttributes.data());
  const absl::StatusOr<Ipp> answer = Ask(std::move(request), stop);
  if (!answer.ok()) return answer.status();
  // Each job is a run of attributes of the job group; runs are set apart by attributes of none.
  std::vector<IppJob> found;
  Ipp one(ippNew());
  const auto take = [&] {
    IppJob job = JobOf(one.get());
    if (job.id > 0 && job.name == name) found.push_back(std::move(job));
    one.reset(ippNew());
  };
  for (ipp_attribute_t* attribute = ippFirstAttribute(answer->get()); attribute != nullptr;
       attribute = ippNextAttribute(answer->get())) {
    if (ippGetGroupTag(attribute) != IPP_TAG_JOB || ippGetName(attribute) == nullptr) {
      take();
    } else {
      ippCopyAttribute(one.get(), attribute, 0);
    }
  }
  take();
  return found;
}

absl::Status CupsClient::CancelJob(int job, const std::stop_token& stop) {
  Ipp request = NewRequest(IPP_OP_CANCEL_JOB);
  ippAddInteger(request.get(), IPP_TAG_OPERATION, IPP_TAG_INTEGER, "job-id", job);
  ippAddString(request.get(), IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", nullptr,
               kIppUser);
  return Ask(std::move(request), stop).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<IppClient>> MakeIppClient(const std::string& uri) {
  char scheme[32];
  char user[256];
  char host[256];
  char resource[1024];
  int port = 0;
  const http_uri_status_t status =
      httpSeparateURI(HTTP_URI_CODING_ALL, uri.c_str(), scheme, sizeof(scheme), user, sizeof(user),
                      host, sizeof(host), &port, resource, sizeof(resource));
  const bool encrypted = std::string_view(scheme) == "ipps";
  const bool known = encrypted || std::string_view(scheme) == "ipp";
  if (status < HTTP_URI_STATUS_OK || !known || host[0] == '\0') {
    return absl::InvalidArgumentError(base::Concat(
        "\"", uri, "\" is no address of a printer; write it like ipp://192.168.1.20/ipp/print"));
  }
  return std::make_unique<CupsClient>(uri, host, port, resource, encrypted);
}

}  // namespace proofline::lab
