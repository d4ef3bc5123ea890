# A site of Rack, whatever keeps its sessions.
require_relative "steps"
require "rack"

PAGES = {
  "login" => lambda { |session, options, query|
    session["user"] = query["user"]
    options[:expire_after] = query["seconds"].to_i
    true
  },
  "read" => ->(session, _, _) { data_of(session) },
  "write" => lambda { |session, _, query|
    session[query["key"]] = query["value"]
    true
  },
  "touch" => ->(session, _, _) { !session["user"].nil? },
  "regenerate" => ->(session, options, _) { data_of(session) && options[:renew] = true },
  "logout" => ->(session, options, _) { data_of(session) && options[:drop] = true },
}.freeze

# What is to be wrapped in the middleware of a store.
SITE = lambda do |env|
  request = Rack::Request.new(env)
  page = PAGES.fetch(request.path_info.delete_prefix("/"))
  body = JSON.generate(page.call(request.session, request.session_options, request.GET))
  [200, { "Content-Type" => "application/json" }, [body]]
end

# Asks as browsers do; a session's id is the cookie.
class Browser
  def initialize(site)
    @site = Rack::MockRequest.new(site)
  end

  def login(user, seconds) = cookie(get("login", params: { user: user, seconds: seconds }))
  def read(id) = body(get("read", "HTTP_COOKIE" => id))
  def write(id, key, value) = body(get("write", "HTTP_COOKIE" => id, params: { key: key, value: value }))
  def touch(id) = body(get("touch", "HTTP_COOKIE" => id))
  def regenerate(id) = cookie(get("regenerate", "HTTP_COOKIE" => id))
  def logout(id) = body(get("logout", "HTTP_COOKIE" => id))

  private

  def get(page, options) = @site.get("/#{page}", options)
  def body(answer) = JSON.parse(answer.body)
  def cookie(answer) = answer["Set-Cookie"].split(";").first
end
