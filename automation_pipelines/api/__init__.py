"""`automation serve`: what mail programs, readers and providers reach over HTTP.

Thin: it knows paths, forms, status codes and pages. Who a token belongs to is `messages.tokens`', what a
provider says `feedback.adapters`', what follows from it `feedback.store`'s and the ledger's. Everything that
is answered with success is durable (`writer`). Nothing here holds a state that another process would need.
"""
