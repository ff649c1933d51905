// A network of its own: one subnet that the app runs in, one for private endpoints.

@description('Name of the virtual network.')
param name string

@description('Region of the network.')
param location string

@description('Tags of the network.')
param tags object

@description('Service that the app\'s subnet belongs to.')
@allowed(['Microsoft.App/environments', 'Microsoft.Web/serverFarms'])
param delegation string

@description('Address range of the network; it must not overlap with a hub\'s.')
param addressRange string = '10.73.0.0/22'

@description('Virtual network to peer with; empty for none. The hub\'s side is its owner\'s to make.')
param hubNetworkId string

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressRange] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressRange, 24, 0)
          delegations: [
            {
              name: 'app'
              properties: { serviceName: delegation }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressRange, 24, 1)
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource peering 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings@2024-07-01' = if (!empty(hubNetworkId)) {
  parent: network
  name: 'hub'
  properties: {
    allowForwardedTraffic: true
    allowVirtualNetworkAccess: true
    remoteVirtualNetwork: { id: hubNetworkId }
  }
}

@description('The network\'s resource id.')
output id string = network.id

@description('Subnet that the app runs in.')
output appSubnetId string = network.properties.subnets[0].id

@description('Subnet of the private endpoints.')
output endpointsSubnetId string = network.properties.subnets[1].id
