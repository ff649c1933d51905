// The app's settings that are no secret, the same on each host; README.md says what each means.

@description('Storage account of host and app.')
param storageName string

@description('Host of the registry.')
param loginServer string

@description('Resource id of the registry, for the weekly audit of its settings.')
param registryId string

@description('Client id of the worker\'s identity.')
param clientId string

@description('Where telemetry is sent.')
param insightsConnection string

@description('Workspace that has the registry\'s pulls, by the id it is queried by; empty where none has them.')
param logWorkspace string

@description('HTTPS endpoint for notices of unhealthy images; empty for none.')
param noticeUrl string

@description('HTTPS endpoint for notices about the service; empty for none.')
param operatorsUrl string

@description('Where messages say to read on: an https URL with {digest} and the like; empty for none.')
param reportLink string

@description('Whether the registry mirrors the advisory databases; the app then needs no other publisher.')
param advisoryMirror bool

@description('Blob of container policies with the policy; empty for the shipped one.')
param policyBlob string

@description('Where EPSS is published, https; empty for none.')
param epssSource string

@description('Where the catalogue of known exploited vulnerabilities is published, https; empty for none.')
param kevSource string

@description('Blob of container policies with the routes of messages; empty for none.')
param routesBlob string

@description('What is attached to images; empty for nothing.')
param attach string

@description('Client id of the identity that attaches; empty for none.')
param attachClientId string

var always = [
  { name: 'AzureWebJobsStorage__accountName', value: storageName }
  { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
  { name: 'AzureWebJobsStorage__clientId', value: clientId }
  { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insightsConnection }
  { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'ClientId=${clientId};Authorization=AAD' }
  { name: 'FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING', value: 'true' }
  { name: 'PUSHSCAN_STORAGE__accountName', value: storageName }
  { name: 'PUSHSCAN_STORAGE__credential', value: 'managedidentity' }
  { name: 'PUSHSCAN_STORAGE__clientId', value: clientId }
  { name: 'PUSHSCAN_IDENTITY_CLIENT_ID', value: clientId }
  { name: 'PUSHSCAN_REGISTRIES', value: loginServer }
  { name: 'PUSHSCAN_REGISTRY_IDS', value: registryId }
]
var images = empty(noticeUrl) ? [] : [{ name: 'PUSHSCAN_NOTICE_URL', value: noticeUrl }]
var operators = empty(operatorsUrl) ? [] : [{ name: 'PUSHSCAN_OPERATORS_URL', value: operatorsUrl }]
var pulls = empty(logWorkspace) ? [] : [{ name: 'PUSHSCAN_LOG_WORKSPACE', value: logWorkspace }]
var reading = empty(reportLink) ? [] : [{ name: 'PUSHSCAN_REPORT_LINK', value: reportLink }]
var sources = '${loginServer}/mirror/trivy-db:2|${loginServer}/mirror/trivy-java-db:1'
var mirror = advisoryMirror ? [{ name: 'PUSHSCAN_ADVISORY_SOURCES', value: sources }] : []
var policy = empty(policyBlob) ? [] : [{ name: 'PUSHSCAN_POLICY', value: policyBlob }]
var epss = empty(epssSource) ? [] : [{ name: 'PUSHSCAN_EPSS_SOURCE', value: epssSource }]
var kev = empty(kevSource) ? [] : [{ name: 'PUSHSCAN_KEV_SOURCE', value: kevSource }]
var routes = empty(routesBlob) ? [] : [{ name: 'PUSHSCAN_ROUTES', value: routesBlob }]
var attachments = empty(attach)
  ? []
  : [
      { name: 'PUSHSCAN_ATTACH', value: attach }
      { name: 'PUSHSCAN_ATTACH_CLIENT_ID', value: attachClientId }
    ]

@description('Names and values.')
output settings array = concat(
  always,
  images,
  operators,
  pulls,
  reading,
  mirror,
  policy,
  epss,
  kev,
  routes,
  attachments
)
