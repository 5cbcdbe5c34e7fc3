// The relay's own refusals: what a client is told, and the reason under which it is logged and
// counted. Each sentence tells the sender's developer what to do. The protocol's are in smtp/.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/units.h"
#include "relay/reception_metrics.h"
#include "smtp/address.h"
#include "smtp/reply.h"

namespace sluice::relay {

// Carries the reason in the reply, for Reception::on_rejected.
smtp::Reply refuse(RejectionReason reason, smtp::Reply reply);

// 421: the connection.
smtp::Reply too_many_from_address();
smtp::Reply too_many_connections();
smtp::Reply connects_too_often();
smtp::Reply server_is_stopping();

// Of what the client may.
smtp::Reply relay_denied();
smtp::Reply authentication_required();  // 530: where AUTH would help
smtp::Reply sender_denied(std::string_view reverse_path);
smtp::Reply null_sender_denied();
smtp::Reply from_denied(std::string_view address);
smtp::Reply from_missing();
smtp::Reply header_denied(std::string_view header, std::string_view value);
smtp::Reply user_vanished();
smtp::Reply tenant_vanished(std::string_view tenant);
smtp::Reply tenant_suspended();
smtp::Reply sends_too_fast(Duration wait);
smtp::Reply quota_used_up(std::uint64_t quota);
smtp::Reply tenant_queue_full();

// Of a recipient.
smtp::Reply no_local_delivery(const smtp::Address& recipient);
smtp::Reply literal_recipient();
smtp::Reply no_route(const smtp::Address& recipient);
smtp::Reply too_many_recipients(std::size_t recipients_max);

// Of the message.
smtp::Reply message_too_large(std::uint64_t bytes_max);
smtp::Reply no_storage();
smtp::Reply storage_failed(const Error& error);

}  // namespace sluice::relay
