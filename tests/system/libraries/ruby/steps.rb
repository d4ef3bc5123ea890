# Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
# standard output.
require "json"

$stdout.sync = true

# site's methods are the steps.
def answer(site)
  $stdin.each_line do |line|
    step, *words = line.split
    puts JSON.generate(site.public_send(step, *words))
  end
end

# A session without what the library keeps in it for itself, or nil if nobody is logged in.
def data_of(session)
  session["user"] && session.to_h.slice("user", "cart")
end
